{{- define "belay.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of the release's objects: the release's own name where that says "belay" already. */}}
{{- define "belay.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains (include "belay.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" (.Release.Name | trunc 20 | trimSuffix "-") (include "belay.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Prefix of objects without a namespace: two releases of the same name in two namespaces do not meet. */}}
{{- define "belay.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "belay.fullname" .) -}}
{{- end -}}

{{- define "belay.selectorLabels" -}}
app.kubernetes.io/name: {{ include "belay.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "belay.labels" -}}
{{ include "belay.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "belay.subject" -}}
- kind: ServiceAccount
  name: {{ include "belay.fullname" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}
