/** Style of the report: colours that can be told apart on light and dark, by most colour-blind people too. */
export const style = `
:root { color-scheme: light dark; --back: #fbfbfa; --card: #fff; --ink: #1d2329; --soft: #5b6670; --grid: #e4e7ea; --shade: #d9480f22;
  --c0: #1c6fbf; --c1: #d9662b; --c2: #2b8a4b; --c3: #8a4fb8; --c4: #b8860b; --c5: #c2326b; --c6: #0f8a8a; --c7: #6b6f76; }
@media (prefers-color-scheme: dark) { :root { --back: #14181c; --card: #1c2228; --ink: #e6e9ec; --soft: #9aa5b0; --grid: #313a43; --shade: #ff922b1f;
  --c0: #5aa9f0; --c1: #f59358; --c2: #5cc281; --c3: #bd8ae6; --c4: #e0b341; --c5: #f0709f; --c6: #4cc9c9; --c7: #a9b0b8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 1560px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 26px; margin: 0 0 2px; }
h2 { font-size: 16px; margin: 0; }
p { margin: 0; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 22px 0; }
.tile, figure, .table { background: var(--card); border: 1px solid var(--grid); border-radius: 8px; padding: 14px 16px; }
.tile b { display: block; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.tile small { display: block; color: var(--soft); font-size: 13px; }
.table { overflow-x: auto; margin: 0 0 16px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 12px; border-top: 1px solid var(--grid); white-space: nowrap; }
tr:first-child > * { border-top: 0; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { color: var(--soft); font-weight: 500; font-size: 13px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 560px), 1fr)); gap: 16px; }
figure { margin: 0; }
figcaption p { font-size: 13px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; margin: 8px 0 4px; min-height: 20px; }
.legend i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; background: currentColor; }
.legend i.dash { background: none; border-top: 2px dashed var(--soft); border-radius: 0; }
.legend i.shade { height: 12px; width: 12px; background: var(--shade); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.peak { font-weight: 600; } .grid { stroke: var(--grid); } .tick { stroke: var(--soft); } .band { fill: var(--shade); }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.dashed { stroke-dasharray: 5 4; stroke-width: 1.4; opacity: .8; }
${Array.from({ length: 8 }, (_, i) => `.c${i} { color: var(--c${i}); }`).join(' ')}
footer { margin-top: 20px; color: var(--soft); font-size: 13px; }
`;
