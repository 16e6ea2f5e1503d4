import type { Rule } from 'eslint'

export declare const openInAddress: Rule.RuleModule
