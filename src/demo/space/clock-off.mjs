// Loaded before a factory whose host has a wrong clock (NODE_OPTIONS=--import=…): in this process the wall clock, and the times
// of files with it, go wrong by CLOCK_OFF_SECONDS. Time since boot is right, as on such a host.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const off = Number(process.env.CLOCK_OFF_SECONDS) * 1000;
const RightDate = Date;
const now = () => RightDate.now() + off;

globalThis.Date = class Date extends RightDate {
  constructor(...args) {
    super(...(args.length === 0 ? [now()] : args));
  }
  static now() {
    return now();
  }
};

const shifted = (stats) => {
  for (const field of ['atimeMs', 'mtimeMs', 'ctimeMs', 'birthtimeMs']) if (typeof stats?.[field] === 'number') stats[field] += off;
  return stats;
};
for (const name of ['statSync', 'lstatSync', 'fstatSync']) {
  const right = fs[name];
  fs[name] = (...args) => shifted(right(...args));
}
for (const name of ['stat', 'lstat']) {
  const right = fs.promises[name];
  fs.promises[name] = async (...args) => shifted(await right(...args));
}
const open = fs.promises.open;
fs.promises.open = async (...args) => {
  const handle = await open(...args);
  const stat = handle.stat.bind(handle);
  handle.stat = async (...about) => shifted(await stat(...about));
  return handle;
};
syncBuiltinESMExports();
