import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { StartError } from '../core/start-error.js';

/** Where certificate and key are: PEM files, the certificate with those of its issuers behind it. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Certificate and key as they were read, found good together. */
export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Of the certificate. */
  readonly goodUntil: Date;
}

/** RFC 8996: older ones are not to be used any more. */
export const TLS_OPTIONS = { minVersion: 'TLSv1.2' } as const;

/** Rejects with a StartError that says what is wrong with which file. */
export async function readTlsPair(files: TlsFiles): Promise<TlsPair> {
  const [cert, key] = await Promise.all([contentOf('TLS_CERT', files.cert), contentOf('TLS_KEY', files.key)]);
  const certificate = readCertificate(files.cert, cert);
  if (!certificate.checkPrivateKey(readKey(files.key, key))) {
    throw new StartError(`the key in ${files.key} is not that of the certificate in ${files.cert}`, {
      hint: 'TLS_CERT and TLS_KEY belong together; the certificate of the server comes first in its file.',
    });
  }
  try {
    createSecureContext({ ...TLS_OPTIONS, cert, key });
  } catch (error) {
    throw new StartError(`TLS cannot be spoken with ${files.cert} and ${files.key}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return { cert, key, goodUntil: new Date(certificate.validTo) };
}

async function contentOf(setting: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : code;
    throw new StartError(`${setting} cannot be read from ${path}: ${String(why)}`, { cause: error });
  }
}

function readCertificate(path: string, pem: Buffer): X509Certificate {
  if (pem.includes('-----BEGIN CERTIFICATE-----')) {
    try {
      return new X509Certificate(pem);
    } catch {
      // Said below; what OpenSSL says of it helps nobody.
    }
  }
  throw new StartError(`${path} holds no certificate in PEM`, {
    hint: 'TLS_CERT names a file with -----BEGIN CERTIFICATE----- in it.',
  });
}

function readKey(path: string, pem: Buffer): KeyObject {
  if (pem.includes('ENCRYPTED')) {
    throw new StartError(`the key in ${path} is locked with a passphrase`, {
      hint: 'Unlock it (openssl pkey -in LOCKED -out UNLOCKED), and let nobody but the server read the file.',
    });
  }
  try {
    return createPrivateKey(pem);
  } catch {
    throw new StartError(`${path} holds no private key in PEM`, {
      hint: 'TLS_KEY names a file with -----BEGIN PRIVATE KEY----- in it.',
    });
  }
}
