import type { FastifyInstance } from 'fastify';

/**
 * `GET /health/live` tells that the process answers, `GET /health/ready` that it can do its work; neither tells more (R166).
 *
 * @param check throws when something it depends on is away, or when the process is about to stop
 */
export function health(app: FastifyInstance, check: () => Promise<void>): void {
  app.get('/health/live', async () => ({ status: 'ok' }));
  app.get('/health/ready', async (request, reply) => {
    try {
      await check();
      return { status: 'ok' };
    } catch (error) {
      request.log.warn({ err: error, reqId: request.id }, 'not ready');
      return reply.code(503).header('Retry-After', '2').send({ status: 'unavailable' });
    }
  });
}
