// The limit for a session check: `node:http` alone, sending the bytes that Guichet sends.
import { createServer } from 'node:http';

const { port, status, headers, body } = JSON.parse(process.argv[2] ?? '') as {
  port: number;
  status: number;
  headers: [string, string][];
  body: string;
};
const bytes = Buffer.from(body, 'latin1');
createServer((_request, response) => {
  response.writeHead(status, Object.fromEntries(headers));
  response.end(bytes);
}).listen(port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
