import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { instant, seconds } from '../units.ts';
import { changesByCall, classadMeets } from './agent-ad.ts';
import type { AgentFacts } from './job.ts';

const agent: AgentFacts = {
  machine: 'wn-1',
  tenant: 'lhcb',
  site: 'lab.example.com',
  machinetype: 'mini',
  environments: ['mini', 'VM-mini', 'VO-lhcb-x'],
  processors: 4,
  memoryMb: 8000,
  timeLeft: seconds(3599.5),
};
const about = { tenant: 'lhcb', requires: { processors: 2, memoryMb: 500, wall: seconds(60), environments: [] }, now: instant(1e12) };

describe('requirements on the ad of a machine', () => {
  const meets = classadMeets((of) => ({ GlueHostOperatingSystemName: `os of ${of.machinetype}`, CpuNumber: 999 }));
  for (const text of [
    'Member("vo-lhcb-x", other.GlueHostApplicationSoftwareRunTimeEnvironment)',
    'other.GlueHostMainMemoryRAMSize >= 8000 && other.GlueHostArchitectureSMPSize == 4',
    'other.TimeLeft == 3599 && other.GlueCEPolicyMaxWallClockTime == 59',
    'other.Site == "LAB.example.com" && other.MachineType is "mini" && other.Machine is "wn-1"',
    'other.GlueCEStateStatus == "Production" && other.VirtualOrganisation == VirtualOrganisation',
    'other.CpuNumber >= my.CpuNumber && MaxWallTime == 60 && MemoryMb < other.MemoryMb',
    'isUndefined(other.DiskMb)',
    'other.GlueHostOperatingSystemName == "os of mini"',
    'time() == 1000000000',
  ])
    it(`true: ${text}`, () => assert.equal(meets(text, agent, about), true));

  it('says which term is not true', () => {
    assert.equal(meets('other.CpuNumber > 1 && other.DiskMb > 7', agent, about), 'other.DiskMb > 7 is undefined');
    assert.equal(meets('other.CpuNumber == 999', agent, about), 'other.CpuNumber == 999 is false');
    assert.match(String(meets('1 +', agent, about)), /^requirements cannot be read: 1:\d+: /u);
  });

  it('knows which expressions may give another value in the next call', () => {
    for (const text of ['other.TimeLeft > 5', "other.'timeleft' > 5", 'time ( ) > 5', 'other.machine == "x"', 'other.GlueCEPolicyMaxWallClockTime > 7'])
      assert.ok(changesByCall.test(text), text);
    for (const text of ['Member("x", other.GlueHostApplicationSoftwareRunTimeEnvironment)', 'other.MachineType == "y"', 'other.CpuNumber > 1'])
      assert.ok(!changesByCall.test(text), text);
  });
});
