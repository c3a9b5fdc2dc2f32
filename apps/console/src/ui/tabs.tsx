import { type ReactNode } from 'react';
import { Tab, TabList, TabPanel, Tabs as AriaTabs } from 'react-aria-components';
import './tabs.css';

/** Several ways to say one thing, of which one is read: arrows go from one to the next. */
export function Tabs({
  label,
  tabs,
}: {
  label: string;
  tabs: readonly { readonly name: string; readonly content: ReactNode }[];
}) {
  return (
    <AriaTabs className="tabs">
      <TabList aria-label={label} className="tabs-list">
        {tabs.map(({ name }) => (
          <Tab key={name} id={name} className="tabs-tab">
            {name}
          </Tab>
        ))}
      </TabList>
      {tabs.map(({ name, content }) => (
        <TabPanel key={name} id={name} className="tabs-panel">
          {content}
        </TabPanel>
      ))}
    </AriaTabs>
  );
}
