import { createServer } from 'node:net';
import type { Config } from '../../config/schema.js';
import { messageOf } from '../../errors.js';
import { type Finding, fail, ok } from '../../observe/finding.js';

/** The port for probes and metrics can be listened on. */
export async function checkPort({ host, port }: Config['metrics']): Promise<Finding> {
  if (port === 0) return ok('port', 'metrics.port is 0: any free one is taken');
  const error = await listenError(host, port);
  if (error === undefined) return ok('port', `${host}:${port} is free for probes and metrics`);
  return fail('port', `metrics.port: ${messageOf(error)}`, wayOut(error.code ?? '', port));
}

function wayOut(code: string, port: number): string {
  if (code === 'EADDRINUSE') return 'end what listens there (another siftline?), or set metrics.port to a free one';
  if (code === 'EACCES') return `ports below 1024 need a right of their own: set metrics.port higher than ${port}`;
  return 'set metrics.host to an address of this machine, such as 0.0.0.0';
}

function listenError(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}
