import type { LeaseRequest } from '@planetlab/contract';
import { errorOf, LEASE_REQUESTS_LIMIT } from '@planetlab/contract';
import { isPlanetLabError, messageOf, PlanetLabError, SECOND_MS, toInstant } from '@planetlab/model';
import { type BatchLimits, inBatches } from '../in-batches.ts';
import { accessHashOf } from './plan.ts';
import { leased, refused, type StepContext, type StepOutcome } from './steps.ts';
import type { BrokerStep, HeldLease } from './types.ts';

export type RequestStep = Extract<BrokerStep, { readonly type: 'request' }>;

/** A node takes no body above 1 MiB; the keys of a slice with many people are most of one. */
const BODY_LIMIT_CHARACTERS = 500_000;

/**
 * Asks one node for all of these leases, as many in one request as it takes, and notes each answer. `told` hears of each
 * sliver's outcome; what was thrown for one is logged by it and in nobody else's way.
 */
export async function requestLeases(
  context: StepContext,
  steps: readonly RequestStep[],
  told: (step: RequestStep, outcome: StepOutcome, error?: unknown) => void,
): Promise<void> {
  for (const batch of inBatches(steps, ONE_REQUEST)) {
    const answers = checkedAnswers(context, await ask(context, batch));
    await Promise.all(
      batch.map((step, index) =>
        heed(context, step, answers[index] ?? unanswered()).then(
          (outcome) => told(step, outcome),
          (error) => told(step, 'failed', error),
        ),
      ),
    );
  }
}

const REST_FACTOR = 3;
/** What a request costs by itself is much when it is for few: whoever answers so late that this is reached hears of many at once then. */
const LONGEST_REST_MS = 10 * SECOND_MS;

/** After a request that took so long: the busier the node is, or we are, the more is asked for in the next one. */
export const restMs = (tookMs: number): number => Math.min(LONGEST_REST_MS, REST_FACTOR * tookMs);

const requestOf = ({ sliver, endsMs }: RequestStep): LeaseRequest => {
  const { slice, image, resources, keys } = sliver;
  return { slice, image, resources, expiresAt: toInstant(endsMs), keys: [...keys] };
};

type Answer = Awaited<ReturnType<StepContext['client']['requestLease']>> | Error;

/** One answer for each, in their order. Never throws. */
async function ask({ client }: StepContext, batch: readonly RequestStep[]): Promise<readonly Answer[]> {
  try {
    const { items } = await client.requestLeases({ body: { items: batch.map(requestOf) } });
    return items.map((item) => ('lease' in item ? item.lease : errorOf(item.problem)));
  } catch (error) {
    if (isPlanetLabError(error, 'no_such_route')) return askEach(client, batch);
    const reason = error instanceof Error ? error : new Error(messageOf(error));
    return batch.map(() => reason);
  }
}

/** For a node manager of before there was such a request. */
const askEach = (client: StepContext['client'], batch: readonly RequestStep[]): Promise<readonly Answer[]> =>
  Promise.all(batch.map((step) => client.requestLease({ body: requestOf(step) }).catch((error: Error) => error)));

function checkedAnswers(context: StepContext, answers: readonly Answer[]): readonly (HeldLease | Error)[] {
  const leases = context.checkedAll(answers.flatMap((answer) => (answer instanceof Error ? [] : answer))).values();
  return answers.map((answer) => (answer instanceof Error ? answer : (leases.next().value ?? unanswered())));
}

const unanswered = () => new Error('the node left a request unanswered');

async function heed(context: StepContext, { sliver }: RequestStep, lease: HeldLease | Error): Promise<StepOutcome> {
  if (lease instanceof Error) return refused(context, sliver, lease);
  if (lease.slice !== sliver.slice) return refused(context, sliver, forAnother(lease));
  context.holdLease(lease);
  return leased(context, sliver, lease, accessHashOf(sliver.keys));
}

const forAnother = ({ slice }: HeldLease) =>
  new PlanetLabError('credential_invalid', `The node gave a lease for ${slice} instead.`);

const ONE_REQUEST: BatchLimits<RequestStep> = {
  mostItems: LEASE_REQUESTS_LIMIT,
  mostSize: BODY_LIMIT_CHARACTERS,
  sizeOf: ({ sliver }) => 1000 + sliver.keys.reduce((sum, { person, key }) => sum + person.length + key.length + 30, 0),
};
