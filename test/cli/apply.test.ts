import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openCli } from './cli.ts';

const GOOD = `
sites:
  - {name: Paris, headquarters: true}
  - name: Lyon
permissions: [item.view]
roles:
  - name: editor
    level: 5
    permissions: [item.view, item.edit]
  - name: keeper
    site: Lyon
    permissions: []
`;

const STEPS = [
  'make the site Paris, a headquarters',
  'make the site Lyon',
  'make the permission item.edit',
  'make the permission item.view',
  'make the role editor of all sites, level 5, with item.edit, item.view',
  'make the role keeper of Lyon, level 0, with no permissions',
];

function openApply(t: { after(undo: () => unknown): void }) {
  const cli = openCli(t);
  const path = join(cli.folder, 'roles.yaml');
  const write = (text: string | Uint8Array): void => writeFileSync(path, text);
  return { ...cli, path, write };
}

describe('guichet apply', () => {
  it('says what it does, does it, and then has nothing to do', async (t) => {
    const { json, path, run, write } = openApply(t);
    write(GOOD);
    const dry = await run('apply', path, '--dry-run');
    assert.equal(dry.stdout, `${[...STEPS, 'nothing was done (--dry-run)'].join('\n')}\n`);
    assert.deepEqual((await json('site', 'list')).value, []);
    const done = await run('apply', path);
    assert.deepEqual(done, { code: 0, stdout: '6 changes made\n', stderr: `${STEPS.join('\n')}\n` });
    assert.deepEqual((await run('apply', path)).stdout, 'nothing to change\n');
    assert.deepEqual((await json('apply', path)).value, { changes: [], applied: false });
  });

  it('tells machines the same', async (t) => {
    const { json, path, run, write } = openApply(t);
    write(GOOD);
    await run('apply', path);
    await run('site', 'create', 'Brest');
    write('sites: [{name: Paris, headquarters: false}]\nroles: [{name: editor, level: 6, permissions: [item.view]}]\n');
    const changes = [
      { change: 'set_site', id: 1, name: 'Paris', is_headquarters: false },
      {
        change: 'set_role',
        name: 'editor',
        site: null,
        level: 6,
        level_before: 5,
        added: [],
        removed: ['item.edit'],
      },
    ];
    assert.deepEqual((await json('apply', path, '--dry-run')).value, { changes, applied: false });
    assert.deepEqual((await json('apply', path)).value, { changes, applied: true });
    assert.equal(((await json('site', 'list')).value as unknown[]).length, 3);
    assert.equal(((await json('permission', 'list')).value as unknown[]).length, 2);
  });

  it('takes the documented example', async (t) => {
    const { path, run, write } = openApply(t);
    const page = readFileSync(new URL('../../docs/sites-and-roles.md', import.meta.url), 'utf8');
    write(/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? assert.fail('the page has no example'));
    assert.equal((await run('apply', path)).stdout, '9 changes made\n');
  });

  it('asks which site is meant where several bear the name, or none', async (t) => {
    const { path, run, write } = openApply(t);
    for (const name of ['Paris', 'Lyon', 'Paris']) await run('site', 'create', name);
    write('sites: [{name: Paris}]');
    const several = await run('apply', path);
    assert.equal(several.code, 1);
    assert.equal(several.stderr, '2 sites are called Paris: 1, 3; guichet site rename gives one another name\n');
    write('roles: [{name: editor, site: Brest, permissions: []}]');
    const none = await run('apply', path);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^role editor is to be of the site Brest, which is not there; /);
  });

  it('names the line of everything that is wrong in the file, and does nothing', async (t) => {
    const { path, run, write } = openApply(t);
    const wrong: [string, RegExp][] = [
      ['', /:1: the file is empty; expected a mapping with sites, permissions, roles$/m],
      ['- a', /:1: the file is a list; expected a mapping/],
      ['sites: []\nroled: []', /:2: roled is not known here; expected sites, permissions, roles$/m],
      ['sites: []\nsites: []', /:2: sites is given twice$/m],
      ['sites:', /:1: sites is empty; expected a list, or \[\] for none$/m],
      ['sites:\n  - Paris', /:2: sites\[0\] is Paris; expected a mapping with name, headquarters$/m],
      ['sites:\n  - {}', /:2: sites\[0\] has no name$/m],
      ['sites:\n  - name: 75001', /:2: sites\[0\]\.name is 75001: .* stands in quotes$/m],
      ['sites:\n  - name: ""', /:2: sites\[0\]\.name is "": the name of a site/],
      ['sites:\n  - name: A\n    headquarters: yes', /:3: sites\[0\]\.headquarters is yes: it is true or false$/m],
      ['sites:\n  - name: A\n  - name: " A "', /:3: sites\[1\] is given twice$/m],
      ['sites:\n  - name: A\n    name: B', /:3: sites\[0\]\.name is given twice$/m],
      ['sites: [{name: A, id: 1}]', /:1: sites\[0\]\.id is not known here/],
      ['permissions: [item.view, item]', /:1: permissions\[1\] is item: a permission is a resource/],
      ['permissions: [a.b, c.d, a.b]', /:1: permissions\[2\] is given twice$/m],
      ['permissions: {a: b}', /:1: permissions is a mapping; expected a list/],
      ['roles:\n  - name: Guichet\n    permissions: []', /:2: roles\[0\]\.name is Guichet: .*begin with "guichet"/],
      ['roles:\n  - name: r', /:2: roles\[0\] has no permissions; expected a list, or \[\] for none$/m],
      ['roles: [{name: r, level: high, permissions: []}]', /roles\[0\]\.level is high: a level is a whole number/],
      ['roles: [{name: r, level: -1, permissions: []}]', /roles\[0\]\.level is -1: a level is/],
      ['roles: [{name: r, permissions: []}, {name: r, permissions: []}]', /:1: roles\[1\] is given twice$/m],
      ['sites: [', /:1: Flow sequence/],
      ['sites: []\n---\nsites: []', /:2: .*multiple documents/],
      ['sites: [{name: !!js/function "x"}]', /:1: Unresolved tag/],
      ['sites:\n  - &a {name: A}\n  - *a', /:3: sites\[1\] is an alias \(\*a\), and none is taken/],
      ['sites:\n  - &a {name: A}\n  - {<<: *a}', /:3: sites\[1\]\."<<" is not known here/],
      [`permissions: [${'a.b, '.repeat(1001)}]`, /:1: permissions has 1001 items; at most 1000 are taken$/m],
      ['sites: [{name: "a\u001b[2J"}]', /:1: /],
    ];
    for (const [text, message] of wrong) {
      write(text);
      const { code, stderr, stdout } = await run('apply', path);
      assert.deepEqual([code, stdout], [1, ''], text);
      assert.match(stderr, message, text);
      assert.ok(stderr.startsWith(`${path}:`), stderr);
      assert.ok(!stderr.includes('\u001b'), stderr);
    }
    assert.equal((await run('site', 'list')).stdout, 'no sites\n');
  });

  it('takes no file that would take long to read', async (t) => {
    const { path, run, write } = openApply(t);
    const levels = Array.from({ length: 9 }, (_, depth) => {
      const items =
        depth === 0
          ? 'x.y'
          : Array(9)
              .fill(`*a${depth - 1}`)
              .join(', ');
      return `a${depth}: &a${depth} [${items}]`;
    });
    const texts: [string | Uint8Array, RegExp][] = [
      [`${levels.join('\n')}\npermissions: *a8`, /:10: permissions is an alias \(\*a8\)/],
      ['['.repeat(500_000), /:1: it is nested too deeply$/m],
      [Array.from({ length: 60_000 }, (_, index) => `key${index}: 1`).join('\n'), /^… and 59980 more$/m],
      [`# ${'x'.repeat(1_000_000)}`, / is larger than 1000000 bytes$/m],
      [new Uint8Array([0x73, 0xff, 0xfe]), / is not text in UTF-8$/m],
    ];
    for (const [text, message] of texts) {
      write(text);
      const { code, stderr } = await run('apply', path);
      assert.equal(code, 1);
      assert.match(stderr, message);
      assert.ok(stderr.length < 5000);
    }
    const missing = await run('apply', `${path}.bak`);
    assert.equal(missing.stderr, `${path}.bak cannot be read: there is no such file\n`);
    const folder = await run('apply', join(path, '..'));
    assert.match(folder.stderr, /cannot be read: it is a folder; expected a YAML file$/m);
  });
});
