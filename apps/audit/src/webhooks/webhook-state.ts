import { type AttemptOutcome, attemptOutcomes, type WebhookState } from '@portcullis/contracts';
import { type Database } from '@portcullis/persistence';
import { isPaused } from './suspensions.js';

/** How the webhooks of all organizations do. */
export async function webhookState(database: Database): Promise<WebhookState> {
  return database.read(async (manager) => {
    const [row] = await manager.query<[Omit<WebhookState, 'attempts'>]>(
      `with hook as (
         select id, status = 'active' as active, ${isPaused} as paused, failing_since is not null as failing,
                (select count(*) from webhook_delivery where webhook_id = webhook.id and due_at is not null) as pending,
                (select count(*) from webhook_delivery where webhook_id = webhook.id and died_at is not null) as dead,
                (select leaf_index from webhook_delivery where webhook_id = webhook.id and due_at is not null
                  order by leaf_index limit 1) as oldest
           from webhook)
       select (count(*) filter (where active and not paused))::int as active,
              (count(*) filter (where not active))::int as disabled,
              (count(*) filter (where active and paused))::int as paused,
              (count(*) filter (where active and not paused and failing))::int as failing,
              coalesce(sum(pending), 0)::int as pending,
              coalesce(sum(dead), 0)::int as dead_letters,
              coalesce(greatest(0, extract(epoch from $1 - min(time) filter (where active and not paused))), 0)::float8
                as lag_seconds
         from hook left join event on event.leaf_index = hook.oldest`,
      [database.now()],
    );
    const counts = await manager.query<{ outcome: AttemptOutcome; count: string }[]>('select * from webhook_attempts');
    const attempts = Object.fromEntries(
      attemptOutcomes.map((outcome) => [outcome, Number(counts.find((each) => each.outcome === outcome)?.count ?? 0)]),
    ) as WebhookState['attempts'];
    return { ...row, attempts };
  });
}
