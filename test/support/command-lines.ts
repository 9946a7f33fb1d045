import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.js';

const nowhere = new PassThrough();
const program = await createProgram({ env: {}, version: '0', stdin: nowhere, stdout: nowhere, stderr: nowhere });

/** Returns the mistakes of a command line, given as the part after `siftline`. */
export function wrongIn(line: string): string[] {
  const words = line.replace(/\s>.*/, '').split(/\s+/);
  let command: Command = program;
  const path = ['siftline'];
  while (command.commands.length > 0) {
    const word = words.shift() ?? '';
    const next = command.commands.find(each => each.name() === word);
    path.push(word);
    if (!next) return [`${path.join(' ')}: no such command`];
    command = next;
  }
  const options = words.filter(word => /^--?[a-z]/i.test(word) && !/^-\d/.test(word));
  return options
    .filter(option => !command.options.some(({ short, long }) => option === short || option === long))
    .map(option => `${path.join(' ')} has no ${option}`);
}

/** The command lines of siftline in backticks, and on lines of their own in blocks of code. */
export function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^ *```sh.*\n([\s\S]*?)^ *```$/gm)].map(([, lines = '']) => lines);
  const inText = text.replace(/^ *```[\s\S]*?^ *```$/gm, '');
  return [
    ...[...inText.matchAll(/`siftline ([^`]+)`|^ {4}siftline (.+)$/gm)].map(([, inline, line]) => inline ?? line ?? ''),
    ...blocks.flatMap(block => [...block.matchAll(/^ *siftline (.+)$/gm)].map(([, line = '']) => line)),
  ];
}

/** Returns every `section.field` in backticks, also with a value after it. */
export function settingsOf(text: string): string[] {
  const sections = 'kafka|input|output|rejects|registry|model|workers|policy|explain|metrics|shutdown|health|log';
  return [...text.matchAll(new RegExp(`\`((?:${sections})\\.[A-Za-z.]+)[\`:]`, 'g'))].map(([, field = '']) => field);
}

export function isSetting(field: string): boolean {
  // `model.sha256` is a field of a result, not of the configuration.
  return field === 'model.sha256' || readFileSync('docs/configuration.md', 'utf8').includes(`| \`${field}\` |`);
}
