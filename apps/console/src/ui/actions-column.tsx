import { type Action, ActionsMenu } from './dialog';
import { type TableColumn } from './table';

/** The last column of a list: what can be done with each record, first of all to look at it. */
export const actionsColumn = <Item,>(
  nameOf: (item: Item) => string,
  hrefOf: (item: Item) => string,
  actionsOf: (item: Item) => readonly (Action | false)[],
): TableColumn<Item> => ({
  name: 'Actions',
  isHeadHidden: true,
  cell: (item) => (
    <ActionsMenu
      label={`Actions of ${nameOf(item)}`}
      actions={[{ label: 'View', href: hrefOf(item) }, ...actionsOf(item)]}
    />
  ),
});
