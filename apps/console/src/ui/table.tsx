import { type ReactNode } from 'react';
import { Cell, Column, Row, Table, TableBody, TableHeader } from 'react-aria-components';
import { type Listed } from '../api/list';
import { Button } from './button';
import { ProblemNotice } from './notice';
import './table.css';

export interface TableColumn<Item> {
  readonly name: string;
  /** Of every table one column names its row. */
  readonly isRowHeader?: boolean;
  /** Its head is for screen readers alone. */
  readonly isHeadHidden?: boolean;
  readonly cell: (item: Item) => ReactNode;
}

/** A list of records, page by page: arrows move, Enter opens. While it loads it has the shape that it will have. */
export function RecordTable<Item extends { readonly id: string }>({
  label,
  list,
  columns,
  hrefOf,
  more = 'Show more',
  empty,
}: {
  label: string;
  list: Listed<Item>;
  columns: readonly TableColumn<Item>[];
  hrefOf?: (item: Item) => string;
  /** On the button below, where there are further pages. */
  more?: string;
  empty: ReactNode;
}) {
  if (list.error !== null && list.items.length === 0)
    return <ProblemNotice error={list.error} onRepeat={list.loadAgain} />;
  if (!list.isLoading && list.items.length === 0) return <div className="table-frame">{empty}</div>;
  return (
    <>
      <div className="table-frame">
        <Table aria-label={label} className="table" aria-busy={list.isLoading}>
          <TableHeader>
            {columns.map(({ name, isRowHeader = false, isHeadHidden }) => (
              <Column key={name} id={name} isRowHeader={isRowHeader} className="table-column">
                {isHeadHidden ? <span className="visually-hidden">{name}</span> : name}
              </Column>
            ))}
          </TableHeader>
          <TableBody>
            {list.isLoading
              ? Array.from({ length: 4 }, (_, line) => (
                  <Row key={`loading-${line}`} id={`loading-${line}`} className="table-row">
                    {columns.map(({ name }) => (
                      <Cell key={name} className="table-cell" textValue="Loading">
                        <span className="skeleton" />
                      </Cell>
                    ))}
                  </Row>
                ))
              : list.items.map((item) => (
                  <Row key={item.id} id={item.id} className="table-row" {...(hrefOf && { href: hrefOf(item) })}>
                    {columns.map(({ name, cell }) => (
                      <Cell key={name} className="table-cell">
                        {cell(item)}
                      </Cell>
                    ))}
                  </Row>
                ))}
          </TableBody>
        </Table>
      </div>
      {list.error !== null && (
        <ProblemNotice error={list.error} onRepeat={list.hasMore ? list.loadMore : list.loadAgain} />
      )}
      <div className="table-foot">
        {list.hasMore && (
          <Button onPress={list.loadMore} isPending={list.isLoadingMore}>
            {more}
          </Button>
        )}
      </div>
    </>
  );
}
