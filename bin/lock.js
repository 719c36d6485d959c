import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const beatMilliseconds = 1000;
/** A lock that has not been touched for so long belongs to nobody, whatever its number says: numbers come back. */
const deadMilliseconds = 20_000;

/**
 * Waits for a lock file and takes it. A lock whose holder died is taken over.
 *
 * @param path the lock file
 * @param onWait called once if somebody else has it
 * @returns a function that gives it back
 */
export async function takeLock(path, onWait) {
  const mine = `${process.pid} ${randomBytes(8).toString('hex')}`;
  const draft = `${path}.${process.pid}`;
  for (let told = false; !tryTake(path, draft, mine); ) {
    if (buryDead(path)) continue;
    if (!told) onWait();
    told = true;
    await wait(200);
  }
  const beat = setInterval(() => touch(path, mine), beatMilliseconds);
  const release = () => {
    clearInterval(beat);
    if (read(path) === mine) rmSync(path, { force: true });
  };
  process.once('exit', release);
  return release;
}

/** `link` fails when the name is taken, and the file it gives a name to is already written. */
function tryTake(path, draft, mine) {
  writeFileSync(draft, mine);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes the lock if its holder is dead. @returns whether it is worth trying to take it again at once */
function buryDead(path) {
  const holder = read(path);
  if (holder === undefined) return true;
  if (isAlive(holder, path)) return false;
  const grave = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, grave);
  } catch {
    return true;
  }
  // Between the look and the move somebody else may have taken over; then the lock goes back.
  if (read(grave) !== holder) {
    try {
      linkSync(grave, path);
    } catch {}
  }
  rmSync(grave, { force: true });
  return true;
}

function isAlive(holder, path) {
  try {
    if (Date.now() - statSync(path).mtimeMs > deadMilliseconds) return false;
    process.kill(Number(holder.split(' ')[0]), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function touch(path, mine) {
  if (read(path) === mine) utimesSync(path, new Date(), new Date());
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
