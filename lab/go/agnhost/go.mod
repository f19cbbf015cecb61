module lab/agnhost

go 1.26.0
