import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditEvent } from '../core/audit.ts';

/** What the gauges are read from when somebody asks. */
export interface Measured {
  hashesWaiting(): number;
  messagesWaiting(): Promise<number>;
}

/** Prometheus metrics of one process. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Histogram<'method' | 'route' | 'status'>;
  readonly #events: Counter<'kind' | 'contract'>;

  constructor(measured: Measured) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Histogram({
      name: 'guichet_http_request_duration_seconds',
      help: 'Time from request to answer, by route pattern.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    });
    this.#events = new Counter({
      name: 'guichet_events_total',
      help: 'What was recorded in the audit trail: sign-ins, failures, locks, changes.',
      labelNames: ['kind', 'contract'],
      registers,
    });
    new Gauge({
      name: 'guichet_password_hashes_waiting',
      help: 'Password hashes that wait for a free core.',
      registers,
      collect() {
        this.set(measured.hashesWaiting());
      },
    });
    new Gauge({
      name: 'guichet_messages_waiting',
      help: 'Messages in the outbox that are not sent yet.',
      registers,
      async collect() {
        this.set(await measured.messagesWaiting());
      },
    });
  }

  /** Times every request of the server. A route pattern is a label, a path never: its values have no bound. */
  observe(app: FastifyInstance): void {
    // By method, route and status there are a few hundred series: found by name, not put together for each request.
    const series = new Map<string, { observe(seconds: number): void }>();
    app.addHook('onResponse', (request, reply, done) => {
      const { method, routeOptions } = request;
      const name = `${reply.statusCode} ${method} ${routeOptions.url}`;
      let found = series.get(name);
      if (!found) {
        found = this.#requests.labels({ method, route: routeOptions.url ?? 'unknown', status: reply.statusCode });
        series.set(name, found);
      }
      found.observe(reply.elapsedTime / 1000);
      done();
    });
  }

  count({ kind, contract }: AuditEvent): void {
    this.#events.inc({ kind, contract });
  }

  /** `GET /metrics`. @param token when given, a request must bear it */
  serve(app: FastifyInstance, token: string | undefined): void {
    app.get('/metrics', async (request, reply) => {
      if (token !== undefined && !isSame(request.headers.authorization ?? '', `Bearer ${token}`)) {
        reply.callNotFound();
        return reply;
      }
      return reply.type(this.#registry.contentType).send(await this.#registry.metrics());
    });
  }
}

/** In a time that tells nothing of where two texts differ. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
