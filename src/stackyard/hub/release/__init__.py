"""A Flux HelmRelease that takes the profile list from a ConfigMap: what hinders it, and the edit.

Source of Flux's rules: https://fluxcd.io/flux/components/helm/helmreleases/ (values, timeouts)
and `ChartValuesFromReferences` in fluxcd/pkg/chartutil.
"""
