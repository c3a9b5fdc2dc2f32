import { useQuery } from '@tanstack/react-query';
import { type MouseEvent, useState } from 'react';
import { RouterProvider as AriaRouterProvider } from 'react-aria-components';
import { Link, NavLink, Outlet, useHref, useNavigate, useNavigation } from 'react-router';
import { useMay, whoami } from '../api/me';
import { signOut } from '../api/session';
import { Button } from '../ui/button';
import { leaveFor } from '../ui/leave-guard';
import { ProblemNotice } from '../ui/notice';
import { places } from './navigation';
import { OrganizationChoice } from './organization-choice';
import { OrganizationInUse } from './organization-in-use';
import './shell.css';
import { ThemeSwitch } from './theme-switch';

/** The frame around every screen. */
export function Shell() {
  const navigate = useNavigate();
  const may = useMay();
  const isMoving = useNavigation().state !== 'idle';
  return (
    <AriaRouterProvider navigate={(to) => void navigate(to)} useHref={useHref}>
      {isMoving && <div className="shell-busy" role="status" aria-label="Loading" />}
      <div className="shell">
        <a className="button skip" href="#main" onClick={toContent}>
          To the content
        </a>
        <header className="shell-side">
          <div className="shell-brand">
            <img src="/console/icon.svg" alt="" width={26} height={26} />
            Portcullis
          </div>
          <nav className="shell-nav" aria-label="Screens">
            {places.map(({ heading, places: under }) => {
              const offered = under.filter(({ needs }) => needs.every(may));
              return offered.length === 0 ? null : (
                <NavigationGroup key={heading ?? ''} heading={heading}>
                  {offered.map(({ to, label }) => (
                    <NavLink key={to} to={to} end={to === '/'}>
                      {label}
                    </NavLink>
                  ))}
                </NavigationGroup>
              );
            })}
          </nav>
          <Foot />
        </header>
        <main id="main" className="shell-main" tabIndex={-1}>
          <OrganizationChoice>
            <Outlet />
          </OrganizationChoice>
        </main>
      </div>
    </AriaRouterProvider>
  );
}

/** No step of the history, which a page that asks before it is left would count wrong. */
function toContent(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function NavigationGroup({ heading, children }: { heading: string | null; children: React.ReactNode }) {
  return (
    <>
      {heading !== null && <h2>{heading}</h2>}
      {children}
    </>
  );
}

function Foot() {
  const me = useQuery(whoami).data;
  const [error, setError] = useState<unknown>(null);
  const [isLeaving, setLeaving] = useState(false);
  const leave = async () => {
    setError(null);
    setLeaving(true);
    try {
      await signOut();
    } catch (reason) {
      setError(reason);
      setLeaving(false);
    }
  };
  return (
    <div className="shell-foot">
      {error !== null && <ProblemNotice error={error} />}
      <OrganizationInUse />
      <div className="soft mono" title={me?.id}>
        {me?.id ?? ' '}
      </div>
      {me?.kind === 'user' && <Link to="/people/me/password">Change your password</Link>}
      <ThemeSwitch />
      <Button onPress={() => void leaveFor(leave)} isPending={isLeaving}>
        Sign out
      </Button>
    </div>
  );
}
