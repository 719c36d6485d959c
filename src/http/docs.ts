import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { AnyContract } from './contract.ts';
import { referenceOf } from './reference.ts';

const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** Of the user interface's files, those the page loads. */
const ASSETS = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui-standalone-preset.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/**
 * `GET /docs`, the interactive reference, and `GET /docs/{contract}.json`, the OpenAPI 3.1 documents behind it.
 * Everything is served from here, and no query parameter is looked at.
 */
export function docs(
  app: FastifyInstance,
  { contracts, publicUrl }: { contracts: readonly AnyContract[]; publicUrl: string },
): void {
  for (const contract of contracts) {
    let document: string | undefined;
    app.get(`/docs/${contract.name}.json`, async (_request, reply) => {
      document ??= JSON.stringify(referenceOf(contract, publicUrl));
      return reply.type('application/json; charset=utf-8').send(document);
    });
  }
  const urls = contracts.map((contract) => ({ name: contract.title, url: `/docs/${contract.name}.json` }));
  app.get('/docs', async (_request, reply) =>
    reply.header('Content-Security-Policy', PAGE_POLICY).type('text/html; charset=utf-8').send(page),
  );
  app.get('/docs/start.js', async (_request, reply) => reply.type('text/javascript; charset=utf-8').send(script(urls)));

  const folder = join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json')), 'static');
  for (const [file, type] of Object.entries(ASSETS)) {
    app.get(`/docs/assets/${file}`, async (_request, reply) =>
      reply.type(type).send(await readFile(join(folder, file))),
    );
  }
}

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Guichet: API reference</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/swagger-ui-standalone-preset.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** Runs in the browser; the list of documents is the only thing that varies. */
const script = (urls: { name: string; url: string }[]): string => `SwaggerUIBundle({
  dom_id: '#reference',
  urls: ${JSON.stringify(urls)},
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: 'StandaloneLayout',
  queryConfigEnabled: false,
  validatorUrl: null,
  withCredentials: true,
});
`;
