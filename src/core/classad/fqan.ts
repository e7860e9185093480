/**
 * Whether an FQAN is among access rules (spec/environments.md §4.1, `GlueCEAccessControlBaseRule`): `VO:atlas` admits every FQAN of that VO,
 * `VOMS:/atlas/Role=production` and a bare `/atlas/Role=production` that one, `/atlas/*` the group and all below, and a bare `atlas` is a VO.
 * `Role=NULL` and `Capability=…` count for nothing. FQANs have case. A text without a leading slash stands for the VO itself.
 */
export const fqanMember = (fqan: string, rules: readonly string[]): boolean => rules.some((rule) => admits(rule, fqan));

function admits(rule: string, fqan: string): boolean {
  const vo = /^VO:(.*)$/is.exec(rule)?.[1];
  const pattern = normal(vo ?? rule.replace(/^VOMS:/i, ''));
  const asked = normal(fqan.replace(/^(?:VOMS|VO):/i, ''));
  if (vo !== undefined || !(rule.startsWith('/') || /^VOMS:/i.test(rule))) return asked === pattern || asked.startsWith(`${pattern}/`);
  if (!pattern.endsWith('/*')) return asked === pattern;
  const group = pattern.slice(0, -2);
  return asked === group || asked.startsWith(`${group}/`);
}

function normal(fqan: string): string {
  const text = fqan
    .trim()
    .replace(/\/Capability=[^/]*$/i, '')
    .replace(/\/Role=NULL$/i, '');
  return text.startsWith('/') ? text : `/${text}`;
}
