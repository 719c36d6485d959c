import type { FastifyInstance } from 'fastify';

const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Up</title></head>
<body><p>Application up</p></body>
</html>
`;

/** `GET /up`: what load balancers of Laravel applications ask for. It says that there is an answer, and nothing of what it rests on. */
export function up(app: FastifyInstance): void {
  app.get('/up', async (_request, reply) => reply.type('text/html; charset=utf-8').send(PAGE));
}
