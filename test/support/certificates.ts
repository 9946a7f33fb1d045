import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a certificate, in PEM; `keystore` holds key and certificate in one file, as the broker needs them. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly keystore: string;
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Returns the reason why certificates cannot be made here; false if they can. */
export function noOpenssl(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'TLS and logins over it: openssl, which makes the certificates, is not installed';
  }
}

/** An authority that signs certificates for this machine. openssl makes everything, in the folder. */
export class Authority {
  readonly ca: string;
  readonly #folder: string;
  readonly #key: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.ca = join(folder, `${name}.pem`);
    this.#key = join(folder, `${name}.key`);
    openssl('req', '-x509', ...EC_KEY, '-keyout', this.#key, '-out', this.ca, '-subj', `/CN=${name}`, '-days', '2');
  }

  /** Issues a certificate. With a negative number of days it has expired. */
  issue(name: string, days = 2): Certificate {
    const [cert = '', key = '', keystore = '', request = '', names = ''] = [
      ...['cert.pem', 'key.pem', 'keystore.pem', 'csr', 'names'],
    ].map(suffix => join(this.#folder, `${name}.${suffix}`));
    writeFileSync(names, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    openssl('req', ...EC_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`);
    const signer = ['-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, ...signer, '-days', String(days), '-extfile', names, '-out', cert);
    writeFileSync(keystore, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8'));
    return { cert, key, keystore };
  }
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
