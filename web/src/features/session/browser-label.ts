import { t } from '@/lib/i18n'

// Each names itself after those that it descends from, so the order matters.
const BROWSERS: [RegExp, string][] = [
  [/\bEdg(?:A|iOS)?\/(\d+)/, 'Edge'],
  [/\bOPR\/(\d+)/, 'Opera'],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)\S* (?:Mobile\/\S+ )?Safari\//, 'Safari'],
]
const SYSTEMS: [RegExp, string][] = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux|X11/, 'Linux'],
]

/** The browser and the system that a client says it is; what is no known browser is shown as it calls itself. */
export function browserLabel(agent: string | null): string {
  if (agent === null || agent === '') return t('unknown')
  for (const [pattern, name] of BROWSERS) {
    const version = pattern.exec(agent)?.[1]
    if (version === undefined) continue
    const system = SYSTEMS.find(([sign]) => sign.test(agent))?.[1]
    return system === undefined ? `${name} ${version}` : t('{browser} on {system}', { browser: `${name} ${version}`, system })
  }
  return agent
}
