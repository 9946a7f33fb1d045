import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { askRaw } from './raw-request.js';

const SCRAM_SHA_256 = 1;
const ITERATIONS = 4096;

/**
 * Gives a user a new SCRAM-SHA-256 password with an AlterUserScramCredentials request (key 51, version 0), which
 * kafkajs does not have.
 */
export async function changePassword(bootstrap: string, user: string, password: string): Promise<void> {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const header = Buffer.from([0, 51, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0]);
  const iterations = Buffer.from([0, 0, ITERATIONS >> 8, ITERATIONS & 0xff]);
  const upsertion = [
    compact(Buffer.from(user)),
    Buffer.from([SCRAM_SHA_256]),
    iterations,
    compact(salt),
    compact(salted),
  ];
  const body = Buffer.concat([header, Buffer.from([1, 2]), ...upsertion, Buffer.from([0, 0])]);
  const answer = await askRaw(bootstrap, body);
  // The response: correlation id, tags, throttle time, one result with the user's name and an error code.
  const errorAt = 4 + 1 + 4 + 1 + 1 + Buffer.byteLength(user);
  const error = answer.readInt16BE(errorAt);
  if (error !== 0) throw new Error(`the broker refused the password: error ${error}`);
}

/** Encodes Kafka's compact strings and bytes: the length plus one, then the bytes. For short ones only. */
function compact(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([bytes.length + 1]), bytes]);
}
