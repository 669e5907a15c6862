//! The instance types that can be had.

/// An instance type (DescribeInstanceTypes).
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct InstanceType {
    pub(in crate::model) name: &'static str,
    pub(in crate::model) cpus: u32,
    pub(in crate::model) memory_mib: u32,
    pub(in crate::model) architecture: &'static str,
}

const fn kind(
    name: &'static str,
    cpus: u32,
    memory_mib: u32,
    architecture: &'static str,
) -> InstanceType {
    InstanceType {
        name,
        cpus,
        memory_mib,
        architecture,
    }
}

const X86: &str = "x86_64";
const ARM: &str = "arm64";

/// The general-purpose, compute and memory types in common use (EC2 user guide, "Instance types").
pub(in crate::model) const ALL: &[InstanceType] = &[
    kind("t2.nano", 1, 512, X86),
    kind("t2.micro", 1, 1024, X86),
    kind("t2.small", 1, 2048, X86),
    kind("t2.medium", 2, 4096, X86),
    kind("t2.large", 2, 8192, X86),
    kind("t2.xlarge", 4, 16384, X86),
    kind("t3.nano", 2, 512, X86),
    kind("t3.micro", 2, 1024, X86),
    kind("t3.small", 2, 2048, X86),
    kind("t3.medium", 2, 4096, X86),
    kind("t3.large", 2, 8192, X86),
    kind("t3.xlarge", 4, 16384, X86),
    kind("t3.2xlarge", 8, 32768, X86),
    kind("t3a.nano", 2, 512, X86),
    kind("t3a.micro", 2, 1024, X86),
    kind("t3a.small", 2, 2048, X86),
    kind("t3a.medium", 2, 4096, X86),
    kind("t3a.large", 2, 8192, X86),
    kind("t4g.nano", 2, 512, ARM),
    kind("t4g.micro", 2, 1024, ARM),
    kind("t4g.small", 2, 2048, ARM),
    kind("t4g.medium", 2, 4096, ARM),
    kind("t4g.large", 2, 8192, ARM),
    kind("m5.large", 2, 8192, X86),
    kind("m5.xlarge", 4, 16384, X86),
    kind("m5.2xlarge", 8, 32768, X86),
    kind("m6i.large", 2, 8192, X86),
    kind("m6i.xlarge", 4, 16384, X86),
    kind("m6g.medium", 1, 4096, ARM),
    kind("m6g.large", 2, 8192, ARM),
    kind("m7i.large", 2, 8192, X86),
    kind("m7g.large", 2, 8192, ARM),
    kind("c5.large", 2, 4096, X86),
    kind("c5.xlarge", 4, 8192, X86),
    kind("c5.2xlarge", 8, 16384, X86),
    kind("c6i.large", 2, 4096, X86),
    kind("c6i.xlarge", 4, 8192, X86),
    kind("c6g.large", 2, 4096, ARM),
    kind("r5.large", 2, 16384, X86),
    kind("r5.xlarge", 4, 32768, X86),
    kind("r6i.large", 2, 16384, X86),
];

pub(in crate::model) fn find(name: &str) -> Option<&'static InstanceType> {
    ALL.iter().find(|kind| kind.name == name)
}
