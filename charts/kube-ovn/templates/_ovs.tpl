{{/* Spec of the ovs-ovn pods without what changes on every release. Argument: the root context. */}}
{{- define "kube-ovn.ovs" -}}
{{- include "kube-ovn.pod" . }}
priorityClassName: system-node-critical
serviceAccountName: ovn-ovs
automountServiceAccountToken: false
terminationGracePeriodSeconds: 30
containers:
  - name: openvswitch
    image: "@image@"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command: ["kube-ovn-supervise", "node"]
    args:
      {{- with .Values.networking.OVS_DP_TYPE }}
      - --ovs-dp-type={{ . }}
      {{- end }}
      {{- with .Values.networking.IFACE }}
      - {{ printf "--iface=%s" . | quote }}
      {{- end }}
      {{- if .Values.DISABLE_MODULES_MANAGEMENT }}
      - --load-module=false
      {{- end }}
      - --ovn-remote-probe-interval={{ int64 .Values.networking.OVN_REMOTE_PROBE_INTERVAL }}
      - --ovn-openflow-probe-interval={{ int64 .Values.networking.OVN_REMOTE_OPENFLOW_INTERVAL }}
    env:
      {{- include "kube-ovn.env" . | nindent 6 }}
    {{- include "kube-ovn.probes" (dict "port" 10662 "host" "127.0.0.1") | nindent 4 }}
    resources:
      {{- toYaml (index .Values "ovs-ovn") | nindent 6 }}
    securityContext:
      privileged: true
    volumeMounts:
      - { name: config, mountPath: /etc/openvswitch }
      - { name: run-openvswitch, mountPath: /run/openvswitch }
      - { name: run-ovn, mountPath: /run/ovn }
      - { name: modules, mountPath: /lib/modules, readOnly: true }
volumes:
  - name: config
    hostPath:
      path: {{ .Values.OPENVSWITCH_DIR }}
      type: DirectoryOrCreate
  - name: run-openvswitch
    hostPath:
      path: /run/openvswitch
      type: DirectoryOrCreate
  - name: run-ovn
    hostPath:
      path: /run/ovn
      type: DirectoryOrCreate
  - name: modules
    hostPath:
      path: /lib/modules
      type: DirectoryOrCreate
{{- end -}}

{{/* Changes exactly when a node's ovs-ovn pod must be replaced: OVS, OVN, their supervisor, or how they are run. */}}
{{- define "kube-ovn.ovs.revision" -}}
{{- $image := .Values.global.images.kubeovn -}}
{{- printf "%s %s" ($image.ovsRevision | default $image.tag) (include "kube-ovn.ovs" .) | sha256sum | trunc 16 -}}
{{- end -}}
