import { type ReactNode } from 'react';
import {
  Button as AriaButton,
  Checkbox,
  CheckboxGroup,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Radio,
  RadioGroup,
  SearchField,
  Select,
  SelectValue,
  Switch,
  Text,
  TextArea,
  TextField,
  type TextFieldProps,
} from 'react-aria-components';
import './field.css';

interface Described {
  readonly label: string;
  readonly hint?: ReactNode;
}

function Below({ hint }: { hint?: ReactNode }) {
  return (
    <>
      {hint !== undefined && (
        <Text slot="description" className="field-hint">
          {hint}
        </Text>
      )}
      <FieldError className="field-error" />
    </>
  );
}

export function LineField({
  label,
  hint,
  lines,
  mono,
  placeholder,
  ...props
}: Omit<TextFieldProps, 'children' | 'className'> &
  Described & { /** More than one: an area. */ lines?: number; mono?: boolean; placeholder?: string }) {
  const look = { className: mono ? 'input mono' : 'input', spellCheck: !mono, ...(placeholder && { placeholder }) };
  return (
    <TextField {...props} className="field">
      <Label className="field-label">{label}</Label>
      {lines === undefined ? <Input {...look} /> : <TextArea {...look} rows={lines} />}
      <Below hint={hint} />
    </TextField>
  );
}

export function SearchBox({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <SearchField aria-label={label} value={value} onChange={onChange}>
      <Input className="input" placeholder={label} />
    </SearchField>
  );
}

export interface Option {
  readonly id: string;
  readonly label: string;
}

export function SelectField({
  label,
  hint,
  name,
  options,
  value,
  onChange,
  isLabelHidden,
}: Described & {
  name?: string;
  options: readonly Option[];
  value: string;
  onChange: (value: string) => void;
  isLabelHidden?: boolean;
}) {
  return (
    <Select
      className="field"
      value={value}
      onChange={(key) => onChange(String(key))}
      {...(name !== undefined && { name })}
    >
      <Label className={isLabelHidden ? 'visually-hidden' : 'field-label'}>{label}</Label>
      <AriaButton className="select-button">
        <SelectValue />
        <span aria-hidden>▾</span>
      </AriaButton>
      <Below hint={hint} />
      <Popover className="list-popover">
        <ListBox items={options}>
          {(option) => (
            <ListBoxItem id={option.id} textValue={option.label} className="list-option">
              {option.label}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </Select>
  );
}

export interface Choice extends Option {
  readonly hint?: string;
  readonly isDisabled?: boolean;
}

export function ChecksField({
  label,
  hint,
  name,
  choices,
  value,
  onChange,
  isLabelHidden,
}: Described & {
  name: string;
  choices: readonly Choice[];
  value: readonly string[];
  onChange: (value: string[]) => void;
  isLabelHidden?: boolean;
}) {
  return (
    <CheckboxGroup className="field" name={name} value={[...value]} onChange={onChange}>
      <Label className={isLabelHidden ? 'visually-hidden' : 'field-label'}>{label}</Label>
      {choices.map((choice) => (
        <Checkbox key={choice.id} value={choice.id} isDisabled={choice.isDisabled ?? false} className="choice">
          {({ isSelected }) => (
            <>
              <span className="choice-box" aria-hidden>
                {isSelected && '✓'}
              </span>
              <ChoiceText choice={choice} />
            </>
          )}
        </Checkbox>
      ))}
      <Below hint={hint} />
    </CheckboxGroup>
  );
}

export function RadiosField({
  label,
  hint,
  name,
  choices,
  value,
  onChange,
}: Described & { name: string; choices: readonly Choice[]; value: string; onChange: (value: string) => void }) {
  return (
    <RadioGroup className="field" name={name} value={value} onChange={onChange}>
      <Label className="field-label">{label}</Label>
      {choices.map((choice) => (
        <Radio key={choice.id} value={choice.id} isDisabled={choice.isDisabled ?? false} className="choice">
          {({ isSelected }) => (
            <>
              <span className="choice-box" data-round aria-hidden>
                {isSelected && '●'}
              </span>
              <ChoiceText choice={choice} />
            </>
          )}
        </Radio>
      ))}
      <Below hint={hint} />
    </RadioGroup>
  );
}

function ChoiceText({ choice }: { choice: Choice }) {
  return (
    <span>
      {choice.label}
      {choice.hint !== undefined && (
        <>
          <br />
          <span className="field-hint">{choice.hint}</span>
        </>
      )}
    </span>
  );
}

export function SwitchField({
  label,
  name,
  value,
  onChange,
}: {
  label: string;
  name?: string;
  value: boolean;
  onChange: (value: boolean) => void;
}) {
  return (
    <Switch className="switch" isSelected={value} onChange={onChange} {...(name !== undefined && { name })}>
      <span className="switch-track" aria-hidden />
      {label}
    </Switch>
  );
}
