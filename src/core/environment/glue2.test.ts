import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { seconds } from '../units.ts';
import { advertise } from './advertise.ts';
import { type Entity, type Glue2Class, glue2ClassNames, type PropertyValue, rowOf } from './glue2-classes.ts';
import { glue2Entities } from './glue2-entities.ts';
import { type Glue2Document, glue2Document, glue2Problems } from './glue2-json.ts';
import { attributeName, glue2Ldif, idName } from './glue2-ldif.ts';
import { anySituation, readLdif, testCounts, testEnvironment, testNow, testSite } from './testing.ts';

const sl6 = testEnvironment('sl6-grid', {
  appVersion: '6.10',
  os: { family: 'linux', name: 'scientificlinux', version: '6.10' },
  processors: { min: 1, max: 8 },
  memoryMb: { min: 4096, max: 16_384 },
  maxInstances: 64,
  maxWall: seconds(172_800),
});
const published = advertise([sl6], new Map([['sl6-grid', testCounts({ runningJobs: 40, instances: 40 })]]), testSite, testNow);
const document = glue2Document(published);

interface Read {
  readonly class: string;
  readonly name: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly links: Readonly<Record<string, readonly string[]>>;
}

/** Without empty lists, which no LDAP attribute can tell from nothing; `keyed`: only relations that LDAP has. */
const normal = (entity: Entity | Read, keyed = false): Read => {
  const row = rowOf(entity.class as Glue2Class);
  const links = Object.entries(entity.links as Read['links']).filter(([name, to]) => to.length > 0 && (!keyed || (row.links[name]?.keys.length ?? 0) > 0));
  const properties = Object.entries(entity.properties).filter(([, value]) => !Array.isArray(value) || value.length > 0);
  return { class: entity.class, name: entity.name, properties: Object.fromEntries(properties), links: Object.fromEntries(links) };
};

function fromJson(read: Glue2Document): readonly Read[] {
  const local = (urn: string): string => decodeURI(urn.split(':').slice(3).join(':'));
  return Object.entries(read).flatMap(([type, objects]) =>
    objects.map((object) => {
      const row = rowOf(type as Glue2Class);
      const links = Object.entries(object['Associations'] ?? {}).map(([name, to]) => [name, [to].flat().map((id: string) => local(id))]);
      const properties = Object.entries(object).filter(([name]) => name in row.properties);
      return { class: type, name: local(String(object['ID'])), properties: Object.fromEntries(properties), links: Object.fromEntries(links) };
    }),
  );
}

function fromLdif(text: string): readonly Read[] {
  return readLdif(text).flatMap(({ attributes }) => {
    const type = glue2ClassNames.find((name) => attributes.get('objectClass')?.includes(`GLUE2${name}`));
    if (type === undefined) return [];
    const { properties, links, suffix } = rowOf(type);
    const strip = (value: string, of: string): string => value.slice(0, value.length - of.length);
    const read = Object.entries(properties).flatMap(([name, row]) => {
      const values = attributes.get(attributeName(type, name, row));
      const value = { text: values?.[0], texts: values, count: Number(values?.[0]), real: Number(values?.[0]), flag: values?.[0] === 'TRUE' }[row.kind];
      return values === undefined ? [] : [[name, value as PropertyValue]];
    });
    const keys = Object.entries(links).flatMap(([name, link]) => {
      const all = link.keys.map((key) => attributes.get(key));
      for (const same of all) assert.deepEqual(same, all[0], 'both keys of a relation say the same');
      const of = glue2ClassNames.includes(link.to as Glue2Class) ? rowOf(link.to as Glue2Class).suffix : '';
      return all[0] === undefined ? [] : [[name, all[0].map((value) => strip(value, of))]];
    });
    return [
      { class: type, name: strip(attributes.get(idName(type))?.[0] ?? '', suffix), properties: Object.fromEntries(read), links: Object.fromEntries(keys) },
    ];
  });
}

describe('GLUE 2 as JSON (spec/environments.md §4.3–4.5)', () => {
  it('has what the example of the specification has', () => {
    const [share, execution, application, service] = (['ComputingShare', 'ExecutionEnvironment', 'ApplicationEnvironment', 'ComputingService'] as const).map(
      (name) => document[name]?.[0],
    );
    assert.partialDeepStrictEqual(service, {
      ID: 'urn:glue2:ComputingService:ce1.example.org',
      CreationTime: '2024-05-01T08:00:00Z',
      Validity: 600,
      Type: 'org.vacuum.ce',
      QualityLevel: 'production',
      Capability: ['executionmanagement.jobexecution', 'executionmanagement.dynamicvmdeploy'],
      Associations: { ContactID: [], LocationID: 'urn:glue2:Location:EXAMPLE-HEP', ServiceID: [] },
    });
    assert.partialDeepStrictEqual(share, {
      ID: 'urn:glue2:ComputingShare:long-sl6-grid.ce1.example.org',
      ServingState: 'production',
      MappingQueue: 'long-sl6-grid',
      MaxWallTime: 172_800,
      MaxMainMemory: 16_384,
      FreeSlots: 24,
      RunningJobs: 40,
      WaitingJobs: 0,
      MaxSlotsPerJob: 8,
      Tag: ['VM-sl6-grid', 'sl6-grid-6.10'],
      Associations: { ServiceID: 'urn:glue2:ComputingService:ce1.example.org', ResourceID: ['urn:glue2:ExecutionEnvironment:sl6-grid.ce1.example.org'] },
    });
    assert.partialDeepStrictEqual(execution, {
      ID: 'urn:glue2:ExecutionEnvironment:sl6-grid.ce1.example.org',
      Platform: 'amd64',
      VirtualMachine: true,
      TotalInstances: 64,
      UsedInstances: 40,
      LogicalCPUs: 8,
      MainMemorySize: 16_384,
      OSFamily: 'linux',
      OSName: 'scientificlinux',
      OSVersion: '6.10',
      ConnectivityIn: false,
      ConnectivityOut: true,
      Associations: { ManagerID: 'urn:glue2:ComputingManager:ce1.example.org' },
    });
    assert.partialDeepStrictEqual(application, {
      ID: 'urn:glue2:ApplicationEnvironment:sl6-grid.ce1.example.org',
      AppName: 'sl6-grid',
      AppVersion: '6.10',
      State: 'installedverified',
      FreeJobs: 24,
      MaxJobs: 64,
      Associations: {
        ComputingManagerID: 'urn:glue2:ComputingManager:ce1.example.org',
        ExecutionEnvironmentID: ['urn:glue2:ExecutionEnvironment:sl6-grid.ce1.example.org'],
      },
    });
  });

  it('every association leads to an object of the document, but those to contacts, places and VOs', () => {
    const ids = new Set(Object.values(document).flatMap((objects) => objects.map((object) => object['ID'])));
    const targets = Object.values(document).flatMap((objects) => objects.flatMap((object) => Object.values(object['Associations'] ?? {}).flat()));
    const missing = targets.filter((id) => !ids.has(id));
    assert.deepEqual(missing, ['urn:glue2:Location:EXAMPLE-HEP']);
    assert.ok(targets.length > 10);
  });

  it('what is mandatory is missed, and what has the wrong form is told, each with its place', () => {
    const without = (type: string, change: (object: Record<string, unknown>) => void): readonly string[] => {
      const copy = structuredClone(document) as unknown as Record<string, Record<string, unknown>[]>;
      change(copy[type]?.[0] ?? assert.fail());
      return glue2Problems(copy);
    };
    assert.deepEqual(glue2Problems(document), []);
    for (const type of glue2ClassNames) {
      const { properties, links } = rowOf(type);
      if (document[type] === undefined) continue;
      const mandatory = Object.entries(properties)
        .filter(([, row]) => row.mandatory)
        .map(([name]) => name);
      for (const name of ['ID', ...mandatory]) {
        assert.match(without(type, (object) => delete object[name]).join('\n'), new RegExp(`^${type}\\.0\\.${name}: [^\\n]+$`));
      }
      for (const name of Object.entries(links)
        .filter(([, link]) => link.mandatory)
        .map(([link]) => link)) {
        const problems = without(type, (object) => delete (object['Associations'] as Record<string, unknown>)[name]);
        assert.match(problems.join('\n'), new RegExp(`^${type}\\.0\\.Associations\\.${name}: [^\\n]+$`));
      }
    }
    assert.match(without('ApplicationEnvironment', (object) => (object['State'] = 'fine')).join(), /^ApplicationEnvironment\.0\.State: /);
    assert.match(without('ComputingShare', (object) => (object['FreeSlots'] = '3')).join(), /^ComputingShare\.0\.FreeSlots: /);
    assert.match(without('ComputingShare', (object) => (object['ID'] = 'no uri')).join(), /^ComputingShare\.0\.ID: no URI$/);
    assert.match(without('ComputingShare', (object) => (object['CreationTime'] = '1 May')).join(), /CreationTime: not of the form/);
    assert.deepEqual(
      without('ComputingShare', (object) => (object['Further'] = 1)),
      [],
      'further properties are allowed',
    );
    assert.match(glue2Problems({ ComputingShare: {} }).join(), /^ComputingShare: /);
  });

  it('access rules, and the VOs whose members they admit', () => {
    const own = advertise([testEnvironment('own', { vos: ['atlas', '/cms/Role=production'] })], new Map(), testSite, testNow);
    assert.partialDeepStrictEqual(glue2Document(own)['MappingPolicy']?.[0], {
      Scheme: 'basic',
      Rule: ['voms:/cms/Role=production', 'vo:atlas'],
      Associations: {
        ShareID: ['urn:glue2:ComputingShare:long-own.ce1.example.org'],
        UserDomainID: ['urn:glue2:UserDomain:cms', 'urn:glue2:UserDomain:atlas'],
      },
    });
    assert.deepEqual(document['AccessPolicy']?.[0]?.['Rule'], ['all']);
  });
});

describe('GLUE 2 as LDIF (spec/environments.md §4.6)', () => {
  it('an application environment as the specification writes it', () => {
    const entry = readLdif(glue2Ldif(published)).find(({ dn }) => dn.startsWith('GLUE2ApplicationEnvironmentID='));
    assert.equal(
      entry?.dn,
      'GLUE2ApplicationEnvironmentID=sl6-grid.ce1.example.org,GLUE2ServiceID=ce1.example.org,GLUE2GroupID=resource,GLUE2DomainID=EXAMPLE-HEP,o=glue',
    );
    assert.deepEqual(Object.fromEntries(entry.attributes), {
      objectClass: ['GLUE2Entity', 'GLUE2ApplicationEnvironment'],
      GLUE2ApplicationEnvironmentID: ['sl6-grid.ce1.example.org'],
      GLUE2EntityCreationTime: ['2024-05-01T08:00:00Z'],
      GLUE2EntityValidity: ['600'],
      GLUE2ApplicationEnvironmentAppName: ['sl6-grid'],
      GLUE2ApplicationEnvironmentAppVersion: ['6.10'],
      GLUE2ApplicationEnvironmentState: ['installedverified'],
      GLUE2ApplicationEnvironmentLicense: ['unknown'],
      GLUE2ApplicationEnvironmentMaxJobs: ['64'],
      GLUE2ApplicationEnvironmentFreeJobs: ['24'],
      GLUE2ApplicationEnvironmentComputingManagerForeignKey: ['ce1.example.org_manager'],
      GLUE2ApplicationEnvironmentExecutionEnvironmentForeignKey: ['sl6-grid.ce1.example.org_env'],
    });
  });

  it('every entry stands behind its parent, once; clouds have a branch of their own', () => {
    const entries = readLdif(glue2Ldif(advertise([sl6, testEnvironment('b')], new Map(), { ...testSite, group: 'cloud' }, testNow)));
    const seen = new Set<string>(['']);
    for (const { dn } of entries) {
      assert.ok(!seen.has(dn), `${dn} is there twice`);
      assert.ok(seen.has(dn.split(',').slice(1).join(',')), `the parent of ${dn} is missing`);
      seen.add(dn);
    }
    assert.ok(seen.has('GLUE2ServiceID=ce1.example.org,GLUE2GroupID=cloud,GLUE2DomainID=EXAMPLE-HEP,o=glue'));
  });
});

describe('every rendering, read again, gives the same model (spec/environments.md §8.5)', () => {
  it('JSON, which also fits the rules of each class', () => {
    fc.assert(
      fc.property(anySituation, ({ site, environments, counts }) => {
        const advertisement = advertise(environments, counts, site, testNow);
        const text = JSON.stringify(glue2Document(advertisement));
        const read: Glue2Document = JSON.parse(text);
        assert.deepEqual(glue2Problems(read), []);
        const sort = (all: readonly Read[]): readonly Read[] => all.toSorted((x, y) => (`${x.class} ${x.name}` < `${y.class} ${y.name}` ? -1 : 1));
        assert.deepEqual(sort(fromJson(read).map((entity) => normal(entity))), sort(glue2Entities(advertisement).map((entity) => normal(entity))));
      }),
    );
  });

  it('LDIF', () => {
    fc.assert(
      fc.property(anySituation, ({ site, environments, counts }) => {
        const advertisement = advertise(environments, counts, site, testNow);
        assert.deepEqual(
          fromLdif(glue2Ldif(advertisement)).map((entity) => normal(entity, true)),
          glue2Entities(advertisement).map((entity) => normal(entity, true)),
        );
      }),
    );
  });
});
