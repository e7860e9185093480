import type { Instant } from '../units.ts';
import type { Status } from '../vacquery/decode.ts';
import type { AskedKind } from '../vacquery/query.ts';
import type { Answered, Question } from './rounds.ts';
import type { FactoryFacts, MachinetypeFacts, OwnStatus, SlotFacts } from './types.ts';

export interface CensusOptions {
  /** Canonical names; absent: this factory and all others. */
  readonly factories?: readonly string[];
  /** Seconds in which they may answer. */
  readonly within: number;
}

/** What one factory told. `silent`: nothing. */
export interface FactoryAnswer {
  readonly factory: string;
  readonly answered: Answered;
  readonly version: string;
  readonly factoryFacts?: FactoryFacts;
  readonly machinetypes: readonly MachinetypeFacts[];
  readonly machines: readonly SlotFacts[];
}

/** One question to many factories, asked once for a person. Complete when each has answered or its time is over. */
export class Census {
  readonly kind: AskedKind;
  readonly askedAt: Instant;
  readonly answers = new Map<string, FactoryAnswer>();
  /** Called once, when it is done. */
  onDone: (() => void) | undefined;
  readonly #names: readonly string[];

  constructor(kind: AskedKind, names: readonly string[], askedAt: Instant) {
    this.kind = kind;
    this.#names = [...new Set(names)];
    this.askedAt = askedAt;
  }

  get done(): boolean {
    return this.answers.size >= this.#names.length;
  }

  /** Nothing more can come: who has not answered is silent. */
  giveUp(): void {
    for (const factory of this.#names) {
      if (!this.answers.has(factory)) this.#add({ factory, answered: 'silent', version: '', machinetypes: [], machines: [] });
    }
  }

  ownAnswer(factory: string, own: OwnStatus | undefined): void {
    this.#add({
      factory,
      answered: own ? 'complete' : 'silent',
      version: own?.factory.daemonVersion ?? '',
      ...(own && this.kind === 'factories' && { factoryFacts: own.factory }),
      machinetypes: own && this.kind === 'machinetypes' ? own.machinetypes : [],
      machines: own && this.kind === 'machines' ? own.machines : [],
    });
  }

  end(question: Question, answered: Answered): void {
    const items = [...question.items.values()];
    const [first] = items;
    this.#add({
      factory: question.factory,
      answered,
      version: first?.version ?? '',
      ...(first?.kind === 'factories' && { factoryFacts: first.facts }),
      machinetypes: items.filter((s): s is Status & { kind: 'machinetypes' } => s.kind === 'machinetypes').map((s) => s.facts),
      machines: items.filter((s): s is Status & { kind: 'machines' } => s.kind === 'machines').map((s) => s.facts),
    });
  }

  #add(answer: FactoryAnswer): void {
    this.answers.set(answer.factory, answer);
    if (this.done) this.onDone?.();
  }
}
