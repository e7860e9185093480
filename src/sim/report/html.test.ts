import assert from 'node:assert/strict';
import { it } from 'node:test';
import { simulate } from '../simulate.ts';
import { summaryOf } from '../summary.ts';
import { scenarioOf, site } from '../testing.ts';
import { reportHtml } from './html.ts';
import { plot } from './plot.ts';
import { clock, scale, short, timeTicks } from './ticks.ts';

const page = (text: string): string => {
  const simulated = simulate(scenarioOf(text));
  return reportHtml(simulated, summaryOf(simulated));
};

it('the page needs nothing but itself', () => {
  const html = page(site(3, '[fault x]\nkind = crash\nhosts = wn-1\nat = 1h\nlasts = 20min\n'));
  assert.equal(/<script|<link|<img|@import|url\(|src=|href=|https?:/i.exec(html), null);
  for (const title of ['Running', 'Share error', 'Starts', 'Scouts', 'Aborts', 'Messages', 'Jobs waiting', 'Factories']) {
    assert.ok(html.includes(`<h2>${title}</h2>`), title);
  }
  assert.equal(html.match(/<svg/g)?.length, 8);
  assert.ok(html.includes('class="band"'), 'the fault is shaded');
  assert.ok(!/NaN|Infinity|undefined/.test(html));
});

it('names and titles of a scenario are text and nothing else', () => {
  const html = page(site(1, '', 'title = <script>alert("1")</script> & co'));
  assert.ok(html.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; co'));
  assert.ok(!html.includes('<script'));
});

it('scales end on a round number that is high enough', () => {
  assert.deepEqual(scale(640, 5), [0, 200, 400, 600, 800]);
  assert.deepEqual(scale(0.019, 5), [0, 0.005, 0.01, 0.015, 0.02]);
  assert.deepEqual(scale(2, 5, true), [0, 1, 2]);
  assert.deepEqual(scale(0, 5), [0, 1]);
});

it('times are ticked at round hours or minutes', () => {
  const noon = Date.UTC(2030, 0, 1, 12);
  assert.deepEqual(timeTicks(noon, noon + 24 * 3_600_000, 9).map(clock), ['12:00', '15:00', '18:00', '21:00', '00:00', '03:00', '06:00', '09:00', '12:00']);
  assert.deepEqual(timeTicks(noon + 60_000, noon + 20 * 60_000, 9).map(clock), ['12:05', '12:10', '12:15', '12:20']);
});

it('numbers on axes are short', () => {
  assert.deepEqual([0, 0.5, 1500, 20_000, 1_500_000].map(short), ['0', '0.5', '1500', '20k', '1.5M']);
});

it('a rare peak of counts is cut and its height told', () => {
  const values = [900, ...Array.from({ length: 99 }, () => 5)];
  const times = values.map((_, i) => i * 60_000);
  const svg = plot({ title: 'Starts', about: '', times, bands: [], steps: true, series: [{ name: 'red', colour: 0, values }] });
  assert.ok(svg.includes('↑ 900'));
  assert.ok(!plot({ title: 'Starts', about: '', times, bands: [], series: [{ name: 'red', colour: 0, values }] }).includes('↑'));
});
