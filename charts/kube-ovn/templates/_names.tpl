{{/* The image every pod runs. */}}
{{- define "kube-ovn.image" -}}
{{- $image := .Values.global.images.kubeovn -}}
{{- $path := .Values.global.registry.address | default "kubeovn" | trimSuffix "/" -}}
{{- printf "%s/%s:%s" $path $image.repository $image.tag -}}
{{- end -}}

{{/* What every pod's spec begins with. */}}
{{- define "kube-ovn.pod" -}}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
enableServiceLinks: false
tolerations:
  - operator: Exists
nodeSelector:
  kubernetes.io/os: linux
{{- with .Values.global.registry.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Who and where the pod is, and the API server by an address that needs no pod network. */}}
{{- define "kube-ovn.env" -}}
- name: KUBERNETES_SERVICE_HOST
  value: {{ required "apiServer.host is missing: an address of the API server that nodes reach without the pod network" .Values.apiServer.host | quote }}
- name: KUBERNETES_SERVICE_PORT
  value: {{ .Values.apiServer.port | quote }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: POD_IPS
  valueFrom:
    fieldRef:
      fieldPath: status.podIPs
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- end -}}

{{/* Where the databases are, when the values say it; otherwise the programs look for the pods. */}}
{{- define "kube-ovn.databases" -}}
{{- with .Values.MASTER_NODES }}
- name: OVN_DB_IPS
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Probes of a program whose part `run` serves them. Arguments: port, host (optional). */}}
{{- define "kube-ovn.probes" -}}
startupProbe:
  httpGet: &live
    path: /livez
    port: {{ .port }}
    {{- with .host }}
    host: {{ . }}
    {{- end }}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: *live
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 5
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ .port }}
    {{- with .host }}
    host: {{ . }}
    {{- end }}
  periodSeconds: 2
  timeoutSeconds: 5
{{- end -}}
