import { setTimeout as sleep } from 'node:timers/promises';
import type { PostOffice } from '../support/post-office.ts';
import { type RunningServer, Unanswered } from '../support/running-server.ts';
import { type Deed, Person } from './person.ts';

/** People who do one thing after another, several at the same time. */
export class Crowd {
  readonly people: Person[] = [];
  readonly #random: () => number;
  readonly #office: PostOffice;

  constructor(random: () => number, office: PostOffice) {
    this.#random = random;
    this.#office = office;
  }

  /**
   * Lets so many act until it is over. What is not answered any more then, is found out when they meet the next server.
   *
   * @param of.isOver asked before each deed, with how many are done, and what begins
   * @param of.forgives whether a request may stay without an answer
   * @throws if anything is answered otherwise than it should be, or not answered and not forgiven
   */
  async act(
    server: RunningServer,
    of: {
      atOnce: number;
      isOver: (done: number, begins?: Deed) => boolean;
      forgives: (unanswered: Unanswered) => boolean;
    },
  ): Promise<void> {
    let done = 0;
    let failed = false;
    const act = async (own: Person[]): Promise<void> => {
      while (!failed && !of.isOver(done)) {
        if (own.length === 0 || this.#random() < 0.02) own.push(this.#newcomer(server));
        const person = own[Math.floor(this.#random() * own.length)] as Person;
        const { possible } = person;
        const deed = possible[Math.floor(this.#random() * possible.length)];
        if (deed === undefined) {
          // Who waits for a letter gives the others a turn.
          await sleep(2);
          continue;
        }
        of.isOver(done, deed);
        try {
          await person.do(deed);
          done += 1;
        } catch (error) {
          if (error instanceof Unanswered && of.forgives(error)) return;
          failed = true;
          throw error;
        }
      }
    };
    // Each person belongs to one of those who act, so does one thing at a time.
    const shares = Array.from({ length: of.atOnce }, (_, number) =>
      this.people.filter((_, index) => index % of.atOnce === number).slice(-2),
    );
    await Promise.all(shares.map(act));
  }

  #newcomer(server: RunningServer): Person {
    const person = new Person(`person${this.people.length}@example.org`, server, this.#office);
    this.people.push(person);
    return person;
  }

  /** Everybody finds out what became of their last request; then those who are to prove that what they were told holds. */
  async meet(server: RunningServer, proves: (person: Person) => boolean, { late = false } = {}): Promise<void> {
    await eachOf(this.people, (person) => person.meet(server, late));
    await eachOf(this.people.filter(proves), (person) => person.prove());
  }
}

async function eachOf(people: readonly Person[], work: (person: Person) => Promise<void>): Promise<void> {
  const waiting = [...people];
  const worker = async (): Promise<void> => {
    for (let person = waiting.pop(); person; person = waiting.pop()) await work(person);
  };
  await Promise.all(Array.from({ length: 12 }, worker));
}
