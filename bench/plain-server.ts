// A process of its own, the reference for reads: bare node:http with the body that it is sent, and 304 for whoever has it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const TAG = '"same"';
let body = Buffer.alloc(0);

const server = createServer((req, res) => {
  if (req.headers['if-none-match'] === TAG) {
    res.writeHead(304, { etag: TAG });
    res.end();
    return;
  }
  res.writeHead(200, { 'content-type': 'application/atom+xml', 'content-length': body.length, etag: TAG });
  res.end(body);
});

process.once('message', (text: string) => {
  body = Buffer.from(text);
  server.listen(0, '127.0.0.1', () => {
    process.send?.({ url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, tag: TAG });
  });
});
process.on('disconnect', () => process.exit());
