//! The rows, and what their stories are told with.

use localcloud::model::Service::{self, AutoScaling, Ec2, Elb};

use super::answer::Answer;
use super::subject::Subject;
use super::{deploying, dns, limits, network, pools, scaling, volumes};

/// One promise of AWS.
pub struct Row {
    pub name: &'static str,
    /// How moto 5 differs, where it does.
    pub moto: Option<&'static str>,
    /// An error says how the subject differs.
    pub story: fn(&mut Stage) -> Result<(), String>,
}

pub const fn row(name: &'static str, story: fn(&mut Stage) -> Result<(), String>) -> Row {
    let moto = None;
    Row { name, moto, story }
}

impl Row {
    pub const fn but_moto(self, how: &'static str) -> Self {
        let moto = Some(how);
        Self { moto, ..self }
    }
}

pub fn rows() -> impl Iterator<Item = &'static Row> {
    let all = [
        scaling::ROWS,
        pools::ROWS,
        deploying::ROWS,
        network::ROWS,
        limits::ROWS,
        volumes::ROWS,
        dns::ROWS,
    ];
    all.into_iter().flatten()
}

/// A subject with what every story begins with: a network and an image.
pub struct Stage {
    subject: Box<dyn Subject>,
    pub image: String,
    pub vpc: String,
    /// In two zones at least.
    pub subnets: Vec<String>,
}

impl Stage {
    pub fn new(subject: Box<dyn Subject>) -> Self {
        let mut stage = Self {
            subject,
            image: String::new(),
            vpc: String::new(),
            subnets: Vec::new(),
        };
        let images = stage.ok(Ec2, "DescribeImages", "").unwrap();
        images
            .text("imagesSet.0.imageId")
            .clone_into(&mut stage.image);
        let subnets = stage.ok(Ec2, "DescribeSubnets", "").unwrap();
        subnets.text("subnetSet.0.vpcId").clone_into(&mut stage.vpc);
        stage.subnets = subnets.all("subnetSet", "subnetId");
        stage
    }

    /// Calls; parameters are split by blanks, and `_` in a value stands for one.
    pub fn call(&mut self, service: Service, action: &str, fields: &str) -> Result<Answer, String> {
        let fields = fields
            .split_whitespace()
            .map(|field| field.split_once('=').unwrap_or((field, "")));
        let fields: Vec<_> = fields.collect();
        self.subject.call(service, action, &fields)
    }

    pub fn ok(&mut self, service: Service, action: &str, fields: &str) -> Result<Answer, String> {
        let answer = self.call(service, action, fields);
        answer.map_err(|code| format!("{action} {fields} is refused: {code}"))
    }

    /// It must be refused, with that code.
    pub fn refused(
        &mut self,
        service: Service,
        action: &str,
        fields: &str,
        code: &str,
    ) -> Result<(), String> {
        match self.call(service, action, fields) {
            Ok(_) => Err(format!("{action} {fields} is accepted")),
            Err(said) if said == code => Ok(()),
            Err(said) => Err(format!(
                "{action} {fields} is refused as {said}, not {code}"
            )),
        }
    }

    pub fn pass(&mut self, seconds: i64) {
        self.subject.pass(seconds);
    }

    /// A launch template, of which groups are made.
    pub fn template(&mut self) -> Result<String, String> {
        let image = self.image.clone();
        let data =
            format!("LaunchTemplateData.ImageId={image} LaunchTemplateData.InstanceType=t3.micro");
        let made = self.ok(
            Ec2,
            "CreateLaunchTemplate",
            &format!("LaunchTemplateName=web {data}"),
        )?;
        Ok(made.text("launchTemplate.launchTemplateId").to_owned())
    }

    /// The parameters of a group named `web`, of version 1.
    pub fn group_of(&self, template: &str, size: &str) -> String {
        let subnets = self.subnets[..2].join(",");
        format!(
            "AutoScalingGroupName=web LaunchTemplate.LaunchTemplateId={template} LaunchTemplate.Version=1 {size} VPCZoneIdentifier={subnets}"
        )
    }

    /// A group named `web` of so many machines, which has come up.
    pub fn group(&mut self, size: &str) -> Result<String, String> {
        let template = self.template()?;
        let group = self.group_of(&template, size);
        self.ok(AutoScaling, "CreateAutoScalingGroup", &group)?;
        self.pass(120);
        Ok(template)
    }

    pub fn describe(&mut self) -> Result<Answer, String> {
        self.ok(
            AutoScaling,
            "DescribeAutoScalingGroups",
            "AutoScalingGroupNames.member.1=web",
        )
    }

    pub fn target_group(&mut self, name: &str) -> Result<String, String> {
        let vpc = self.vpc.clone();
        let made = self.ok(
            Elb,
            "CreateTargetGroup",
            &format!("Name={name} Protocol=HTTP Port=80 VpcId={vpc}"),
        )?;
        Ok(made.text("TargetGroups.0.TargetGroupArn").to_owned())
    }

    pub fn load_balancer(&mut self) -> Result<String, String> {
        let subnets = self.subnets[..2].to_vec();
        let fields = format!(
            "Name=public Subnets.member.1={} Subnets.member.2={}",
            subnets[0], subnets[1]
        );
        let made = self.ok(Elb, "CreateLoadBalancer", &fields)?;
        self.pass(60);
        Ok(made.text("LoadBalancers.0.LoadBalancerArn").to_owned())
    }

    /// A listener that forwards to a target group.
    pub fn listener(
        &mut self,
        balancer: &str,
        port: u16,
        target_group: &str,
    ) -> Result<String, String> {
        let fields = format!(
            "LoadBalancerArn={balancer} Protocol=HTTP Port={port} DefaultActions.member.1.Type=forward DefaultActions.member.1.TargetGroupArn={target_group}"
        );
        let made = self.ok(Elb, "CreateListener", &fields)?;
        Ok(made.text("Listeners.0.ListenerArn").to_owned())
    }
}

/// What is so, or how it differs.
#[expect(
    clippy::needless_pass_by_value,
    reason = "stories compare what they have just asked for"
)]
pub fn is<T: PartialEq + std::fmt::Debug>(what: &str, is: T, must: T) -> Result<(), String> {
    if is == must {
        Ok(())
    } else {
        Err(format!("{what} is {is:?}, not {must:?}"))
    }
}
