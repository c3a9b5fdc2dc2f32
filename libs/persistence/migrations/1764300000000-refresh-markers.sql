-- Records may also change without anything being taken away.
alter table marker drop constraint marker_effect_check;
alter table marker add constraint marker_effect_check check (effect in ('refresh', 'drop', 'block', 'lift', 'epoch'));
