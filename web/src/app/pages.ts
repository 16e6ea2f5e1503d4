import type { LucideIcon } from 'lucide-react'
import { BellRing, Boxes, Building2, Camera, CircleFadingArrowUp, Cpu, FileText, KeyRound, LayoutTemplate, LockKeyhole, Rocket, Scale, ScrollText, Server, TicketPlus, Workflow } from 'lucide-react'
import { t } from '@/lib/i18n'

export type Entry = { to: string; label: string; icon: LucideIcon; permission?: string }

/** The pages of an environment, and what each needs. */
export function entries(): Entry[] {
  return [
    { to: '/$org/$env/pipelines', label: t('Pipelines'), icon: Workflow },
    { to: '/$org/$env/templates', label: t('Templates'), icon: LayoutTemplate },
    { to: '/$org/$env/rollouts', label: t('Rollouts'), icon: Rocket, permission: 'rollout.read' },
    { to: '/$org/$env/alerts', label: t('Alerts'), icon: BellRing, permission: 'alert.read' },
    { to: '/$org/$env/captures', label: t('Captures'), icon: Camera, permission: 'tap.use' },
    { to: '/$org/$env/nodes', label: t('Nodes'), icon: Server, permission: 'node.read' },
    { to: '/$org/$env/logs', label: t('Logs'), icon: FileText, permission: 'log.read' },
    { to: '/$org/$env/groups', label: t('Groups'), icon: Boxes, permission: 'node.read' },
    { to: '/$org/$env/engines', label: t('Engines'), icon: Cpu, permission: 'node.read' },
    { to: '/$org/$env/updates', label: t('Updates'), icon: CircleFadingArrowUp, permission: 'node.read' },
    { to: '/$org/$env/enrolment', label: t('Enrolment'), icon: TicketPlus, permission: 'enrolment.manage' },
    { to: '/$org/$env/secrets', label: t('Vault'), icon: KeyRound, permission: 'secret.read' },
    { to: '/$org/$env/rules', label: t('Rules'), icon: Scale },
    { to: '/$org/$env/encryption', label: t('Encryption'), icon: LockKeyhole, permission: 'keys.read' },
    { to: '/$org/$env/audit', label: t('Audit'), icon: ScrollText, permission: 'audit.read' },
    { to: '/$org/$env/organization', label: t('Organisation'), icon: Building2, permission: 'organization.manage' },
  ]
}
