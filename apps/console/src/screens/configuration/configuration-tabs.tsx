import { Snippet } from '../../ui/snippet';
import { Tabs } from '../../ui/tabs';

/** One file or command of a configuration. */
export interface Step {
  readonly title: string;
  readonly text: string;
}

/** How one tool is set up to call with a credential. */
export interface Configuration {
  readonly tool: string;
  readonly about: string;
  readonly steps: readonly Step[];
}

export interface Addresses {
  /** Of the gateway, without a slash at its end. */
  readonly gateway: string;
  /** As the installation calls itself: OAuth clients compare it. */
  readonly issuer: string;
}

export function ConfigurationTabs({ of }: { of: readonly Configuration[] }) {
  return (
    <Tabs
      label="Tools"
      tabs={of.map(({ tool, about, steps }) => ({
        name: tool,
        content: (
          <>
            <p className="soft">{about}</p>
            {steps.map(({ title, text }) => (
              <Snippet key={title} title={title} text={text} />
            ))}
          </>
        ),
      }))}
    />
  );
}
