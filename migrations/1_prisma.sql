-- The web app's tables, exactly as Prisma creates them, where they are missing: demo, tests, a first install.
-- Where Prisma has been before, nothing here runs; the columns that we use are then verified at every start
-- (shared/src/db.rs), since Prisma may change them without asking us.

create schema if not exists "public";

do $$ begin
  if to_regtype('public."OtpPurpose"') is null then
    create type public."OtpPurpose" as enum ('LOGIN', 'LINK', 'SIGNUP');
  end if;

  if to_regclass('public."User"') is null then
    create table public."User" (
      "id" text not null,
      "email" text,
      "passwordHash" text,
      "credits" integer not null default 5,
      "waPhoneE164" text,
      "waUserId" text,
      "waLinkedAt" timestamp(3),
      "waPreferredLang" text default 'fr',
      "createdAt" timestamp(3) not null default current_timestamp,
      "updatedAt" timestamp(3) not null,
      constraint "User_pkey" primary key ("id")
    );
    create unique index "User_email_key" on public."User" ("email");
    create unique index "User_waPhoneE164_key" on public."User" ("waPhoneE164");
    create unique index "User_waUserId_key" on public."User" ("waUserId");
    create index "User_waPhoneE164_idx" on public."User" ("waPhoneE164");
    create index "User_waUserId_idx" on public."User" ("waUserId");
  end if;

  if to_regclass('public."OtpChallenge"') is null then
    create table public."OtpChallenge" (
      "id" text not null,
      "userId" text,
      "phoneE164" text not null,
      "codeHash" text not null,
      "purpose" public."OtpPurpose" not null default 'LOGIN',
      "consumed" boolean not null default false,
      "expiresAt" timestamp(3) not null,
      "createdAt" timestamp(3) not null default current_timestamp,
      constraint "OtpChallenge_pkey" primary key ("id")
    );
    create index "OtpChallenge_phoneE164_consumed_expiresAt_idx"
      on public."OtpChallenge" ("phoneE164", "consumed", "expiresAt");
    create index "OtpChallenge_userId_consumed_idx" on public."OtpChallenge" ("userId", "consumed");
    alter table public."OtpChallenge" add constraint "OtpChallenge_userId_fkey"
      foreign key ("userId") references public."User" ("id") on delete set null on update cascade;
  end if;

  if to_regclass('public."CreditLedger"') is null then
    create table public."CreditLedger" (
      "id" text not null,
      "userId" text not null,
      "delta" integer not null,
      "reason" text not null,
      "createdAt" timestamp(3) not null default current_timestamp,
      constraint "CreditLedger_pkey" primary key ("id")
    );
    create index "CreditLedger_userId_createdAt_idx" on public."CreditLedger" ("userId", "createdAt");
    create index "CreditLedger_reason_createdAt_idx" on public."CreditLedger" ("reason", "createdAt");
    alter table public."CreditLedger" add constraint "CreditLedger_userId_fkey"
      foreign key ("userId") references public."User" ("id") on delete restrict on update cascade;
  end if;

  if to_regclass('public."Generation"') is null then
    create table public."Generation" (
      "id" text not null,
      "userId" text not null,
      "brief" text not null,
      "platform" text,
      "industry" text,
      "objective" text,
      "tone" text,
      "language" text,
      "promptFinal" text,
      "variants" text[],
      "usageTokens" integer not null default 0,
      "createdAt" timestamp(3) not null default current_timestamp,
      constraint "Generation_pkey" primary key ("id")
    );
    create index "Generation_userId_createdAt_idx" on public."Generation" ("userId", "createdAt");
    alter table public."Generation" add constraint "Generation_userId_fkey"
      foreign key ("userId") references public."User" ("id") on delete restrict on update cascade;
  end if;
end $$;
