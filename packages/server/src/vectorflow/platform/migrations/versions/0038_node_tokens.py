"""Whose node tokens these are, for many in one pass: a function called for each took as long as all the rest of a gateway.

`vf.node_token` stays for gateways of the version before.
"""

from alembic import op

revision = "0038"
down_revision = "0037"

SQL = r"""
-- Asked before any scope exists, by the tokens' exact ids. `succeeded`: a newer token of the node has been in use for two
-- minutes, so whoever still uses this one may be another machine. `told`: signed statements wait for the node.
create function vf.node_tokens(token_ids uuid[])
returns table (token_id uuid, organization_id uuid, slug text, environment_id uuid, node_id uuid, secret_hash bytea,
               identity_key bytea, sealing_key bytea, used boolean, succeeded boolean, told boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select t.id, t.organization_id, o.slug, n.environment_id, t.node_id, t.secret_hash,
          coalesce(t.identity_key, n.identity_key), n.sealing_key, t.first_used_at is not null,
          t.superseded_at is not null and exists (
              select 1 from public.node_tokens s
              where s.organization_id = t.organization_id and s.node_id = t.node_id and s.created_at > t.created_at
                and s.first_used_at < now() - interval '2 minutes'),
          exists (
              select 1 from public.statements s
              where s.organization_id = t.organization_id and s.node_id = t.node_id and s.state = 'signed'
                and s.signed_until > now())
   from unnest(token_ids) as wanted (id)
   join public.node_tokens t on t.id = wanted.id
   join public.nodes n on n.organization_id = t.organization_id and n.id = t.node_id
   join public.organizations o on o.id = t.organization_id
   where t.revoked_at is null and n.revoked_at is null
     and (t.valid_until is null or t.valid_until > now() or n.clone_suspected_at is not null) $$;

revoke all on function vf.node_tokens(uuid[]) from public;
grant execute on function vf.node_tokens(uuid[]) to vf_app;
grant create on schema vf to vf_directory;
alter function vf.node_tokens(uuid[]) owner to vf_directory;
revoke create on schema vf from vf_directory;
"""


def upgrade() -> None:
    """Create the look-up of many tokens."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
