import type { Requires } from '../../core/jobs/classes.ts';
import { instant } from '../../core/units.ts';
import type { ClassCount } from '../store.ts';
import type { Row } from './row.ts';

export const classCountFrom = (r: Row): ClassCount => ({
  tenant: String(r['tenant']),
  requires: JSON.parse(String(r['requires'])) as Requires,
  waiting: Number(r['waiting']),
  running: Number(r['running']),
  ...(r['oldest'] === null ? {} : { oldest: instant(Number(r['oldest'])) }),
});
