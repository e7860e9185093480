import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { adOf, evaluate, expressionOf, printAd } from '../classad/classad.ts';
import { anyAd, anyExpression, expressionOfText, now, tokenStream } from '../classad/testing.ts';
import { instant, seconds } from '../units.ts';
import { type JobDescription, parseJdl, problemText, readJobDocument, type SpecOptions, toJobSpec } from './jdl.ts';
import { NotSelfContained, selfContained } from './requirements.ts';

function described(text: string): JobDescription {
  const { description, problems } = parseJdl(text);
  assert.ok(description !== undefined, problems?.map(problemText).join('\n'));
  return description;
}
const problemsOf = (text: string): string[] => (parseJdl(text).problems ?? []).map(problemText);
const options: SpecOptions = { owner: 'anna', tenant: 'lhcb', defaults: { memoryMb: 2048, wall: seconds(3600) } };
const sample = `
# a job of the talk
[
  Type = "job"; JobType = "NORMAL";
  JobName = "sweep 7";
  Executable = "run.sh";
  Arguments = "-n 7 'two words' \\\\\\&x";    // three backslashes
  StdInput = "in.dat"; StdOutput = "out.txt"; StdError = "out.txt";
  InputSandbox = { "/home/anna/run.sh", "file:///home/anna/in.dat", "https://www.example.org/setup.sh?DN=/CN=x/y" };
  OutputSandbox = { "out.txt", "result" };
  OutputSandboxBaseDestURI = "gsiftp://localhost";
  Environment = { "A=1", "B=x=y z" };
  Prologue = "setup.sh"; PrologueArguments = "-v";
  NodeNumber = 2;
  Need = 512;
  Requirements = Member("VO-cms-slc4_ia32_gcc345",
      other.GlueHostApplicationSoftwareRunTimeEnvironment)
    && other.GlueHostMainMemoryRAMSize >= my.Need * NodeNumber;
  CERequirements = "other.GlueHostOperatingSystemName == \\"linux\\"";
  Rank = -other.GlueCEStateEstimatedResponseTime; /* of no
      effect here */
  RetryCount = 1; ExpiryTime = 1900000000; MaxOutputSandboxSize = 1M;
  VirtualEnvironment = { "sl6-grid", "VM-other" };
  MaxWallTime = 600; MemoryMb = 1K; DiskMb = 100; Priority = -5; Rerunnable = false
]
`;

test('a description with every attribute becomes a job', () => {
  const { spec, ignored, problems } = toJobSpec(described(sample), options);
  assert.equal(problems, undefined);
  assert.deepEqual(spec, {
    tenant: 'lhcb',
    owner: 'anna',
    name: 'sweep 7',
    executable: 'run.sh',
    arguments: ['-n', '7', 'two words', '&x'],
    environment: { A: '1', B: 'x=y z' },
    stdin: 'in.dat',
    stdout: 'out.txt',
    stderr: 'out.txt',
    prologue: { executable: 'setup.sh', arguments: ['-v'] },
    inputs: ['run.sh', 'in.dat', 'setup.sh'],
    outputs: ['out.txt', 'result'],
    maxOutputBytes: 1_048_576,
    processors: 2,
    memoryMb: 1024,
    wall: 600,
    priority: -5,
    retries: 1,
    rerunnable: false,
    requirements:
      'Member("VO-cms-slc4_ia32_gcc345", other.GlueHostApplicationSoftwareRunTimeEnvironment) && other.GlueHostMainMemoryRAMSize >= 512 * 2' +
      ' && other.GlueHostOperatingSystemName == "linux" && other.DiskMb >= 100',
    environments: ['sl6-grid', 'VM-other'],
    expiresAt: instant(1_900_000_000_000),
  });
  assert.deepEqual(ignored, ['Need', 'Rank']);
});

test('the example of the manual is right', () => {
  const manual = readFileSync(join(import.meta.dirname, '../../../docs/jdl.md'), 'utf8');
  const { spec, ignored } = toJobSpec(described(/```\n([^]*?)```/.exec(manual)?.[1] ?? ''), options);
  assert.deepEqual(spec?.arguments, ['--seed', '7', 'run one']);
  assert.match(spec?.requirements ?? '', / >= 2000 \* 2$/);
  assert.deepEqual(ignored, []);
});

test('the least description needs no brackets, and has the defaults', () => {
  const description = described('EXECUTABLE = "/bin/ls"');
  assert.deepEqual([description.cpuNumber, description.retryCount, description.rerunnable], [1, 3, true]);
  assert.deepEqual(toJobSpec(description, options).spec, {
    tenant: 'lhcb',
    owner: 'anna',
    executable: '/bin/ls',
    arguments: [],
    environment: {},
    inputs: [],
    outputs: [],
    processors: 1,
    memoryMb: 2048,
    wall: 3600,
    priority: 0,
    retries: 3,
    rerunnable: true,
    environments: [],
  });
  assert.equal(described('Executable = "$SW_DIR/${V}/run"; Unknown = [ x = 1 ];').executable, '$SW_DIR/${V}/run');
});

test('sources of inputs: paths, URIs, and a base for what is neither', () => {
  const inputs = described('Executable = "/x"; InputSandbox = {"a", "/d/b", "file:///d/c", "gsiftp://h/d"}; InputSandboxBaseURI = "https://h:1/base/"').inputs;
  assert.deepEqual(
    inputs.map(({ name, source, kind }) => [name, source, kind]),
    [
      ['a', 'https://h:1/base/a', 'uri'],
      ['b', 'https://h:1/base/d/b', 'uri'],
      ['c', '/d/c', 'path'],
      ['d', 'gsiftp://h/d', 'uri'],
    ],
  );
  assert.deepEqual(described('Executable = "/x"; InputSandbox = "dir/a"').inputs, [{ name: 'a', source: 'dir/a', kind: 'path' }]);
});

const ok = 'Executable = "/x"; ';
const bad: readonly (readonly [string, string | RegExp])[] = [
  ['', /^1:1: Executable: is missing; valid: /],
  ['[ CpuNumber = 2 ]', /^1:1: Executable: is missing; valid: /],
  [`${ok}CpuNumber = 0`, '1:32: CpuNumber: 0 is too small; valid: an integer, 1 or more'],
  [`${ok}CpuNumber = "2"`, '1:32: CpuNumber: the value is of type string: "2"; valid: an integer, 1 or more'],
  [`${ok}CpuNumber = 1.5`, '1:32: CpuNumber: the value is of type real: 1.5; valid: an integer, 1 or more'],
  [`${ok}CpuNumber = x`, '1:32: CpuNumber: the value is undefined; valid: an integer, 1 or more'],
  [`${ok}CpuNumber = 2; NodeNumber = 3`, /^1:35: NodeNumber: 3 differs from CpuNumber = 2/],
  ['Executable = run.sh', '1:14: Executable: the value is undefined; valid: a string in double quotes'],
  ['Executable = {"a"}', /^1:14: Executable: the value is of type list/],
  ['Executable = "run.sh"', '1:14: Executable: run.sh is not listed in InputSandbox; valid: an absolute path, or a name listed in InputSandbox'],
  ['Executable = "../run.sh"', /^1:14: Executable: "..\/run.sh" is neither an absolute path nor a plain name/],
  ['Executable = "a/run.sh"; InputSandbox = "a/run.sh"', /is neither an absolute path/],
  ['Executable = "/bin/l?"', /has a wildcard/],
  ['Executable = "/bin/$(rm)"', /has a character that no path/],
  ['Executable = "/bin/a\\nb"', /has a character that no path/],
  ['Executable = "$HOME"', /is no absolute path/],
  [`${ok}Type = "Parametric"`, '1:27: Type: "Parametric" is not possible here; valid: "Job"; many jobs are submitted as many descriptions'],
  [`${ok}JobType = "MPICH"`, /^1:30: JobType: "MPICH" is not possible here/],
  [`${ok}InputSandbox = {"/a/f", "/b/f"}`, '1:44: InputSandbox: two files have the base name f; valid: base names that all differ'],
  [`${ok}InputSandbox = "/a/.."`, /^1:35: InputSandbox: "\/a\/\.\." has the base name "\.\."; valid: up to 128 of A-Z/],
  [`${ok}InputSandbox = "b/"`, /has the base name ""/],
  [`${ok}InputSandbox = "c\\nd"`, /"c\\nd" has a control character/],
  [`${ok}InputSandbox = "é"`, /has the base name "é"/],
  [`${ok}InputSandbox = ".x"`, /has the base name ".x"/],
  [`${ok}InputSandbox = "ftp://h/x"`, /has the scheme ftp/],
  [`${ok}InputSandbox = {"a", 3}`, /^1:41: InputSandbox: the value is of type integer: 3/],
  [`${ok}InputSandboxBaseURI = "nowhere"`, /^1:42: InputSandboxBaseURI: "nowhere" is no URI/],
  [`${ok}OutputSandbox = "a"`, /^1:20: OutputSandbox: neither OutputSandboxDestURI nor OutputSandboxBaseDestURI is given/],
  [`${ok}OutputSandbox = "a"; OutputSandboxDestURI = {"gsiftp://h/a"}; OutputSandboxBaseDestURI = "gsiftp://h"`, /OutputSandboxBaseDestURI is given too/],
  [`${ok}OutputSandboxDestURI = {"gsiftp://h/a"}`, /^1:20: OutputSandboxDestURI: there is no OutputSandbox/],
  [`${ok}OutputSandbox = {"a","b"}; OutputSandboxDestURI = {"gsiftp://h/a"}`, /^1:47: OutputSandboxDestURI: 1 destinations for 2 files/],
  [`${ok}OutputSandbox = {"a"}; OutputSandboxDestURI = "gsiftp://h/a"`, /the value is of type string/],
  [`${ok}OutputSandbox = {"a*"}; OutputSandboxDestURI = {"gsiftp://h/a"}`, /"a\*" has a wildcard; valid: wildcards with OutputSandboxBaseDestURI alone/],
  [`${ok}OutputSandbox = {"a","a"}; OutputSandboxBaseDestURI = "gsiftp://h"`, /^1:41: OutputSandbox: a is listed twice/],
  [`${ok}OutputSandbox = {"d/a"}; OutputSandboxBaseDestURI = "gsiftp://h"`, /"d\/a" is no name of a file/],
  [`${ok}StdOutput = "/abs"`, /^1:32: StdOutput: "\/abs" is no name of a file/],
  [`${ok}StdInput = "not-there"`, /^1:31: StdInput: not-there is not listed/],
  [`${ok}Environment = {"A"}`, /^1:35: Environment: "A" sets nothing; valid: "NAME=value"/],
  [`${ok}Environment = {"A=1", "A=2"}`, /A is set twice/],
  [`${ok}Arguments = "a & b"`, /^1:32: Arguments: an unquoted &/],
  [`${ok}Arguments = "a \`b\`"`, /^1:32: Arguments: a backquote/],
  [`${ok}PrologueArguments = "a"`, /there is no Prologue/],
  [`${ok}HostNumber = 3; CpuNumber = 2`, /^1:20: HostNumber: 3 is more than CpuNumber = 2/],
  [`${ok}HostNumber = 1; SMPGranularity = 1`, /SMPGranularity is given too/],
  [`${ok}Requirements = membr("a", other.T)`, '1:35: Requirements: unknown function membr; valid: member'],
  [`${ok}Requirements = !(\n  Member("a"))`, '2:3: Requirements: Member with 1 arguments; valid: 2'],
  [`${ok}Requirements = whichMatch({}, true)`, /whichMatch is not available here/],
  [`${ok}Requirements = "other.x > 1"`, /^1:35: Requirements: a string is no condition and no number; valid: an expression without quotes/],
  [`${ok}CERequirements = "other.x >"`, /^1:37: CERequirements: character 10 of the string: the text ends where an expression begins/],
  [`${ok}Rank = nosuch()`, /^1:27: Rank: unknown function nosuch/],
  [`${ok}ExpiryTime = time() + 60`, /^1:33: ExpiryTime: time\(\) is not known/],
  [`${ok}VirtualEnvironment = {"a b"}`, /"a b" is no name or tag/],
  [`${ok}Priority = 1001`, /^1:31: Priority: 1001 is too large; valid: an integer, -1000 to 1000/],
  [`${ok}Rerunnable = "yes"`, /valid: true or false/],
  [`${ok}MaxOutputSandboxSize = -1`, /-1 is no size/],
  [`${ok}\nCpuNumber = 1\nRank = 2`, '3:1: CpuNumber: found "Rank" after the expression of CpuNumber; valid: an operator, ; or the end'],
  [`${ok}executable = "/y"`, '1:20: executable: executable is given twice; valid: each attribute once, whatever the case'],
  [`${ok}\n Arguments = "a`, '2:14: Arguments: a string is not closed on its line; valid: " at its end; \\n for a new line'],
];

test('every rule is told with attribute, line, column and what would be valid', () => {
  for (const [text, expected] of bad) {
    const [first = '', ...more] = problemsOf(text);
    if (typeof expected === 'string') assert.deepEqual([first, ...more], [expected], text);
    else assert.match(first, expected, text);
  }
});

test('all problems are told at once, in the order of the text', () => {
  const told = problemsOf('Executable = "x";\nCpuNumber = 0;\nRequirements = nosuch(1);\nArguments = "<";');
  assert.deepEqual(
    told.map((t) => t.split(':').slice(0, 3).join(':')),
    ['1:14: Executable', '2:13: CpuNumber', '3:16: Requirements', '4:13: Arguments'],
  );
});

test('what this queue does not do is a problem of the job, not of the description', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    [`${ok}OutputSandbox = {"a*"}; OutputSandboxBaseDestURI = "gsiftp://localhost"`, /^1:20: OutputSandbox: a\*: wildcards are not done/],
    [
      `${ok}OutputSandbox = {"a"}; OutputSandboxBaseDestURI = "gsiftp://se.example.org/d"`,
      /^1:43: OutputSandboxBaseDestURI: gsiftp:\/\/se.example.org\/d\/a: this queue sends outputs nowhere/,
    ],
    [`${ok}HostNumber = 2; CpuNumber = 2`, /^1:20: HostNumber: 2: a job runs on one machine/],
    [`${ok}GPUNumber = 1`, /^1:20: GPUNumber: 1: no machine/],
    [`${ok}OutputData = {[OutputFile = "a"]}`, /^1:20: OutputData: /],
    [`${ok}Need = 1; Requirements = anyMatch(other.L, other.x > Need)`, /Requirements: it refers to Need of the job inside anyMatch/],
    [
      `${ok}${Array.from({ length: 40 }, (_, i) => `a${i} = a${i + 1} + a${i + 1};`).join('')} a40 = other.x; Requirements = a0 > 1`,
      /Requirements: it is too long or too deep/,
    ],
  ];
  for (const [text, expected] of table) {
    const { spec, problems } = toJobSpec(described(text), options);
    assert.equal(spec, undefined, text);
    assert.match(problemText(problems?.[0] ?? assert.fail(text)), expected);
  }
});

test('a JSON document of the same attributes makes the same job', () => {
  const fromText = toJobSpec(
    described('Executable = "/x"; CpuNumber = 2; Need = 3; Requirements = other.a >= Need; Environment = {"A=1"}; Rerunnable = false'),
    options,
  );
  const { description } = readJobDocument({
    executable: '/x',
    CpuNumber: 2,
    Need: 3,
    Requirements: 'other.a >= Need',
    Environment: ['A=1'],
    Rerunnable: false,
  });
  assert.ok(description !== undefined);
  assert.deepEqual(toJobSpec(description, options).spec, fromText.spec);
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [null, /^the document is no object/],
    [[], /^the document is no object/],
    [{ Executable: null }, /^Executable: the value is null/],
    [{ Executable: 'a\0b' }, /^Executable: a NUL character/],
    [{ Executable: '/x', executable: '/y' }, /^executable: is given twice/],
    [{ Executable: '/x', CpuNumber: 0 }, /^CpuNumber: 0 is too small/],
    [{ Executable: '/x', Requirements: 'a b' }, /^Requirements: character 3: found "b"/],
    [{ Executable: '/x', StdOutput: 'a\nb' }, /^StdOutput: /],
    [{ '': 1 }, /is no name of an attribute/],
    [JSON.parse(`{"Executable": ${'['.repeat(5000)}${']'.repeat(5000)}}`), /nested too deeply/],
  ];
  for (const [document, expected] of wrong) assert.match(problemText(readJobDocument(document).problems?.[0] ?? assert.fail(String(expected))), expected);
});

test('requirements that stand alone have the value that they have in the job', () => {
  const plain = (value: unknown): unknown => (typeof value === 'object' && value !== null ? value.constructor.name : value);
  const other = adOf({ a: 3, b: 'x', abc: [1, 'y'], x1: true });
  fc.assert(
    fc.property(anyExpression, anyAd, (e, ad) => {
      const text = JSON.stringify([printAd(ad), printAd(new Map([['e', { name: 'e', value: e, at: 0 }]]))]);
      // The job's ad as a value of its own does not exist where its requirements stand alone.
      fc.pre(!/\bmy\b/.test(text.replaceAll(/\bmy\.(?=[A-Za-z'])/g, '')));
      let alone: ReturnType<typeof selfContained>;
      try {
        alone = selfContained(e, ad);
      } catch (thrown) {
        assert.ok(thrown instanceof NotSelfContained);
        return;
      }
      assert.deepEqual(plain(evaluate(alone, { other, now })), plain(evaluate(e, { my: ad, other, now })));
    }),
    { numRuns: 500 },
  );
  const ad = adOf({ Need: 3 });
  assert.equal(evaluate(selfContained(expressionOfText('[Need = 1; x = Need + my.Need + .Need].x'), ad), { now }), 5n);
});

test('any text and any document gives a job or problems with places', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    tokenStream,
    anyAd.map(printAd),
    tokenStream.map((t) => `${ok}Requirements = ${t}`),
  );
  fc.assert(
    fc.property(text, (source) => {
      const { description, problems } = parseJdl(source);
      for (const p of problems ?? []) assert.ok(p.line >= 1 && p.column >= 1 && p.text !== '');
      if (description !== undefined) toJobSpec(description, options);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom('Executable', 'InputSandbox', 'OutputSandbox', 'OutputSandboxBaseDestURI', 'Requirements', 'CpuNumber', 'Arguments', 'x'),
        fc.jsonValue(),
      ),
      (document) => {
        const { description, problems } = readJobDocument(document);
        assert.ok((description === undefined) !== (problems === undefined));
      },
    ),
  );
  assert.equal(expressionOf(3).kind, 'literal');
});
