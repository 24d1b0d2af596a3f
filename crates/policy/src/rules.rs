//! A policy: who clients are, and what they may do.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::actor::{Actor, Membership, Right, Standing, Target};
use crate::file::{File, GrantRow, Lines, PolicyError, RoleRow, RuleRow, Text};
use crate::identity::{Part, Parts, Pattern};
use crate::operation_policy::OperationPolicies;
use crate::role::{ADMINISTRATOR, AUDITOR, ROLES, Rights, USER};

/// Tenants, roles, rules, grants: a table of each at most. What is looked at for a connection, and grants for a request, cost time.
const ROWS_MAX: usize = 10_000;

/// The tenant of whoever no rule gives another.
const DEFAULT_TENANT: &str = "default";

/// A policy that was read. Without a file it is the default one: everybody is a user of one tenant.
#[derive(Debug)]
pub struct Rules {
    generation: u64,
    text: String,
    tenants: BTreeMap<String, u32>,
    roles: BTreeMap<String, Role>,
    default_roles: Vec<String>,
    identities: Vec<Identity>,
    grants: Vec<Given>,
    forbidden: Vec<Given>,
    operation_policies: Option<Arc<OperationPolicies>>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Role {
    rights: Rights,
    /// Whether its holders run the server, or look at what is done.
    administers: bool,
    audits: bool,
}

/// A rule that says who somebody is.
#[derive(Debug)]
struct Identity {
    parts: Vec<(Part, Pattern)>,
    user: Option<Pattern>,
    tenant: Option<u32>,
    name: Option<String>,
    name_from: Option<Vec<Part>>,
    membership: Membership,
}

/// Lines of the policy and whom they are for.
#[derive(Debug)]
struct Given {
    tenant: Option<u32>,
    actors: Vec<String>,
    groups: Vec<String>,
    roles: Vec<String>,
    everybody: bool,
    rights: Vec<Right>,
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unidentified {
    /// Nothing names the actor.
    #[error("the certificate has none of the parts that name the actor ({0})")]
    Nameless(String),
    /// The duties that are to be separate.
    #[error("the policy makes {0:?} both administrator and auditor")]
    BothDuties(String),
    /// A user of one tenant came over a client of another.
    #[error("the policy has the user {0:?} in another tenant than the client")]
    OtherTenant(String),
}

impl Default for Rules {
    fn default() -> Self {
        let built_in = |(name, rights): (&str, Rights)| {
            (name.to_owned(), Role { rights, administers: name == ADMINISTRATOR, audits: name == AUDITOR })
        };
        Self {
            generation: 0,
            text: String::new(),
            tenants: BTreeMap::from([(DEFAULT_TENANT.to_owned(), 0)]),
            roles: ROLES.into_iter().map(built_in).collect(),
            default_roles: vec![USER.to_owned()],
            identities: Vec::new(),
            grants: Vec::new(),
            forbidden: Vec::new(),
            operation_policies: None,
        }
    }
}

impl Rules {
    /// Reads a policy. `open` reads a file that it names, given the name as it stands there; `generation` is for whoever has to know
    /// whether a standing is of this policy.
    ///
    /// # Errors
    /// What is wrong, with line and key.
    pub fn parse(
        text: &str,
        generation: u64,
        mut open: impl FnMut(&str) -> Result<Vec<String>, String>,
    ) -> Result<Self, PolicyError> {
        let lines = Lines(text);
        let file: File = toml::from_str(text).map_err(|error| PolicyError {
            line: error.span().map_or(0, |span| lines.of(&span)),
            text: error.to_string().trim_end().to_owned(),
        })?;
        let counts = [file.tenants.len(), file.roles.len(), file.rules.len(), file.grants.len() + file.forbids.len()];
        if counts.iter().any(|count| *count > ROWS_MAX) {
            return Err(PolicyError { line: 0, text: format!("there are more than {ROWS_MAX} tables of a kind") });
        }
        let mut rules = Self { generation, text: text.to_owned(), ..Self::default() };
        let mut numbers = vec![0];
        for tenant in &file.tenants {
            let (name, number) = (tenant.name.get_ref(), *tenant.number.get_ref());
            if name == DEFAULT_TENANT || name.is_empty() || rules.tenants.insert(name.clone(), number).is_some() {
                return Err(lines.error(&tenant.name, format!("tenant.name: {name:?} is there already, or cannot be used")));
            }
            if numbers.contains(&number) {
                return Err(lines.error(&tenant.number, format!("tenant.number: {number} is another tenant's")));
            }
            numbers.push(number);
        }
        rules.add_roles(&lines, &file.roles)?;
        if let Some(roles) = &file.default_roles {
            rules.default_roles = rules.known_roles(&lines, "default_roles", roles)?;
            rules.check_duties(&lines, roles)?;
        }
        for row in &file.rules {
            let identity = rules.identity(&lines, row)?;
            rules.identities.push(identity);
        }
        rules.grants = file.grants.iter().map(|row| rules.given(&lines, "grant", row)).collect::<Result<_, _>>()?;
        rules.forbidden = file.forbids.iter().map(|row| rules.given(&lines, "forbid", row)).collect::<Result<_, _>>()?;
        let mut policies = OperationPolicies::default();
        for name in &file.operation_policies {
            let about = |cause: String| lines.error(name, format!("operation_policies: {}: {cause}", name.get_ref()));
            for json in open(name.get_ref()).map_err(about)? {
                // What the policies are is part of what is compared when the file is read again.
                rules.text.push_str(&json);
                policies.add(&json).map_err(about)?;
            }
        }
        rules.operation_policies = (!policies.is_empty()).then(|| Arc::new(policies));
        Ok(rules)
    }

    /// Whether two policies were read from the same text.
    pub fn is_same(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// Whether it is the one without a file.
    pub const fn is_default(&self) -> bool {
        self.generation == 0
    }

    /// Which policy it is.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The name of a tenant.
    pub fn tenant_name(&self, number: u32) -> Option<&str> {
        self.tenants.iter().find(|(_, of)| **of == number).map(|(name, _)| name.as_str())
    }

    /// The tenants by name.
    pub fn tenants(&self) -> impl Iterator<Item = (&str, u32)> {
        self.tenants.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// The roles by name, with what they may do.
    pub fn roles(&self) -> impl Iterator<Item = (&str, Rights)> {
        self.roles.iter().map(|(name, role)| (name.as_str(), role.rights))
    }

    /// What there is, in a sentence.
    pub fn summary(&self) -> String {
        if self.is_default() {
            return "no policy: every client is a user of one tenant".to_owned();
        }
        let named = self.operation_policies.as_ref().map(|policies| policies.names().join(", "));
        format!(
            "policy: {} tenant(s), {} role(s), {} rule(s), {} grant(s), {} prohibition(s), operation policies: {}",
            self.tenants.len(),
            self.roles.len(),
            self.identities.len(),
            self.grants.len(),
            self.forbidden.len(),
            named.as_deref().unwrap_or("none")
        )
    }

    /// Whether there is such a role.
    pub fn has_role(&self, name: &str) -> bool {
        self.roles.contains_key(name)
    }

    /// Who the holder of a certificate is. `name_from`: which parts name it where no rule says so.
    ///
    /// # Errors
    /// When nothing names it, or it is not to be let in.
    pub fn client(&self, parts: &Parts, name_from: &[Part]) -> Result<Actor, Unidentified> {
        let is_about = |identity: &&Identity| {
            identity.user.is_none() && identity.parts.iter().all(|(part, pattern)| parts.has(*part, pattern))
        };
        let matching: Vec<&Identity> = self.identities.iter().filter(is_about).collect();
        let naming = matching.iter().find(|identity| identity.name.is_some() || identity.name_from.is_some());
        let name = match naming {
            Some(Identity { name: Some(name), .. }) => Some(name.as_str()),
            Some(Identity { name_from: Some(name_from), .. }) => name_from.iter().find_map(|part| parts.name(*part)),
            _ => name_from.iter().find_map(|part| parts.name(*part)),
        };
        let name = name.ok_or_else(|| {
            let from = naming.and_then(|identity| identity.name_from.as_deref()).unwrap_or(name_from);
            Unidentified::Nameless(from.iter().map(|part| format!("{part:?}")).collect::<Vec<_>>().join(", "))
        })?;
        let tenant = matching.iter().find_map(|identity| identity.tenant).unwrap_or(0);
        self.member(name, tenant, self.memberships(&matching, None))
    }

    /// Who a user is that a credential proved, over a client of a tenant. `role`: what the users file says.
    ///
    /// # Errors
    /// When it is not to be let in.
    pub fn user(&self, name: &str, role: Option<&str>, tenant: u32) -> Result<Actor, Unidentified> {
        let is_about = |identity: &&Identity| identity.user.as_ref().is_some_and(|user| user.matches(name));
        let matching: Vec<&Identity> = self.identities.iter().filter(is_about).collect();
        if matching.iter().find_map(|identity| identity.tenant).is_some_and(|own| own != tenant) {
            return Err(Unidentified::OtherTenant(name.to_owned()));
        }
        // A role that the policy does not know gives nothing, and takes nothing.
        let role = role.filter(|role| self.roles.contains_key(*role));
        self.member(name, tenant, self.memberships(&matching, role))
    }

    /// An actor of groups and roles, which this policy may not know any more: then they give nothing.
    ///
    /// # Errors
    /// When it is not to be let in.
    pub fn member(&self, name: &str, tenant: u32, membership: Membership) -> Result<Actor, Unidentified> {
        let roles: Vec<&Role> = membership.roles.iter().filter_map(|name| self.roles.get(name)).collect();
        if roles.iter().any(|role| role.administers) && roles.iter().any(|role| role.audits) {
            return Err(Unidentified::BothDuties(name.to_owned()));
        }
        let rights = roles.iter().fold(Rights::default(), |rights, role| rights.union(role.rights));
        let of = |given: &[Given]| {
            let own = given.iter().filter(|given| given.is_for(name, tenant, &membership));
            own.flat_map(|given| given.rights.iter().cloned()).collect()
        };
        let (grants, forbidden) = (of(&self.grants), of(&self.forbidden));
        let standing = Standing {
            generation: self.generation,
            rights,
            grants,
            forbidden,
            membership,
            sights: Vec::new(),
            operation_policies: self.operation_policies.clone(),
        };
        let standing = Arc::new(standing.complete());
        Ok(Actor { name: name.to_owned(), tenant, second_factor: false, attested: false, standing })
    }

    /// The groups and roles of all rules that are about somebody.
    fn memberships(&self, matching: &[&Identity], role: Option<&str>) -> Membership {
        let mut all = Membership::default();
        let mut add = |list: fn(&mut Membership) -> &mut Vec<String>, name: &str| {
            let list = list(&mut all);
            if !list.iter().any(|known| known == name) {
                list.push(name.to_owned());
            }
        };
        for identity in matching {
            identity.membership.groups.iter().for_each(|name| add(|all| &mut all.groups, name));
            identity.membership.roles.iter().for_each(|name| add(|all| &mut all.roles, name));
        }
        role.into_iter().for_each(|name| add(|all| &mut all.roles, name));
        if all.roles.is_empty() {
            all.roles.clone_from(&self.default_roles);
        }
        all
    }

    fn add_roles(&mut self, lines: &Lines<'_>, rows: &[RoleRow]) -> Result<(), PolicyError> {
        // What a role includes stands before it: so there are no circles.
        for row in rows {
            let name = row.name.get_ref();
            if name.is_empty() || self.roles.contains_key(name) {
                return Err(lines.error(&row.name, format!("role.name: {name:?} is there already, or cannot be used")));
            }
            let mut role = Role {
                rights: Rights {
                    server: lines.permissions("role.server", &row.server)?,
                    own: lines.permissions("role.own", &row.own)?,
                    tenant: lines.permissions("role.tenant", &row.tenant)?,
                },
                administers: false,
                audits: false,
            };
            for included in &row.includes {
                let Some(other) = self.roles.get(included.get_ref()) else {
                    let text = format!("role.includes: there is no role {:?} before this one", included.get_ref());
                    return Err(lines.error(included, text));
                };
                role.rights = role.rights.union(other.rights);
                role.administers |= other.administers;
                role.audits |= other.audits;
            }
            if role.administers && role.audits {
                return Err(lines.error(&row.name, format!("role.includes: {name:?} would be both administrator and auditor")));
            }
            self.roles.insert(name.clone(), role);
        }
        Ok(())
    }

    fn known_roles(&self, lines: &Lines<'_>, key: &str, names: &[Text]) -> Result<Vec<String>, PolicyError> {
        let known = |name: &Text| match self.roles.contains_key(name.get_ref()) {
            true => Ok(name.get_ref().clone()),
            false => Err(lines.error(name, format!("{key}: there is no role {:?}", name.get_ref()))),
        };
        names.iter().map(known).collect()
    }

    /// Nobody is both administrator and auditor. What several rules give together is known when somebody comes.
    fn check_duties(&self, lines: &Lines<'_>, names: &[Text]) -> Result<(), PolicyError> {
        let has = |duty: fn(&Role) -> bool| names.iter().find(|name| self.roles.get(name.get_ref()).is_some_and(duty));
        match (has(|role| role.administers), has(|role| role.audits)) {
            (Some(_), Some(auditor)) => Err(lines.error(auditor, "roles: nobody is both administrator and auditor")),
            _ => Ok(()),
        }
    }

    fn tenant(&self, lines: &Lines<'_>, key: &str, name: &Text) -> Result<u32, PolicyError> {
        let number = self.tenants.get(name.get_ref()).copied();
        number.ok_or_else(|| lines.error(name, format!("{key}: there is no tenant {:?}", name.get_ref())))
    }

    fn identity(&self, lines: &Lines<'_>, row: &RuleRow) -> Result<Identity, PolicyError> {
        let conditions = [
            (Part::CommonName, &row.common_name),
            (Part::Organization, &row.organization),
            (Part::OrganizationalUnit, &row.organizational_unit),
            (Part::SanDns, &row.san_dns),
            (Part::SanEmail, &row.san_email),
            (Part::SanUri, &row.san_uri),
            (Part::Subject, &row.subject),
            (Part::Issuer, &row.issuer),
            (Part::Fingerprint, &row.fingerprint),
        ];
        let given = conditions.iter().filter_map(|(part, text)| Some((*part, text.as_ref()?)));
        let parts: Vec<(Part, Pattern)> = given.clone().map(|(part, text)| (part, Pattern::new(text.get_ref()))).collect();
        let first = given.map(|(_, text)| text).chain(&row.user).chain(&row.tenant).chain(&row.actor).chain(&row.groups);
        let line = first.chain(&row.roles).map(|text| lines.of(&text.span())).min().unwrap_or(0);
        let refuse = |text: &str| PolicyError { line, text: format!("rule: {text}") };
        if row.user.is_some() && (!parts.is_empty() || row.actor.is_some() || row.actor_from.is_some()) {
            return Err(refuse("user stands alone: a user is named by the users file"));
        }
        if row.actor.is_some() && row.actor_from.is_some() {
            return Err(refuse("actor and actor_from exclude each other"));
        }
        if row.actor.as_ref().is_some_and(|name| name.get_ref().is_empty() || name.get_ref().chars().any(char::is_control)) {
            return Err(refuse("actor: a name has letters, and no control characters"));
        }
        self.check_duties(lines, &row.roles)?;
        Ok(Identity {
            parts,
            user: row.user.as_ref().map(|text| Pattern::new(text.get_ref())),
            tenant: row.tenant.as_ref().map(|name| self.tenant(lines, "rule.tenant", name)).transpose()?,
            name: row.actor.as_ref().map(|name| name.get_ref().clone()),
            name_from: row.actor_from.clone(),
            membership: Membership { groups: texts(&row.groups), roles: self.known_roles(lines, "rule.roles", &row.roles)? },
        })
    }

    fn given(&self, lines: &Lines<'_>, kind: &str, row: &GrantRow) -> Result<Given, PolicyError> {
        let GrantRow { to, permissions: names, on, when } = row;
        let line = lines.of(&names.span());
        let refuse = |text: String| PolicyError { line, text: format!("{kind}: {text}") };
        let permissions = lines.permissions(&format!("{kind}.permissions"), names.get_ref())?;
        let condition = lines.condition(when)?;
        if names.get_ref().is_empty() {
            return Err(refuse("permissions is empty".to_owned()));
        }
        if to.actors.is_empty() && to.groups.is_empty() && to.roles.is_empty() && !to.everybody {
            return Err(refuse("to names nobody: actors, groups, roles, or everybody = true".to_owned()));
        }
        let mut targets: Vec<Target> = on.objects.iter().map(|identifier| Target::Object(identifier.clone())).collect();
        targets.extend(on.groups.iter().map(|group| Target::Group(group.clone())));
        targets.extend(on.own.then_some(Target::Own));
        targets.extend(on.all.then_some(Target::Tenant));
        if targets.is_empty() {
            if condition.is_about_objects() {
                return Err(refuse("when asks about objects, and on names none".to_owned()));
            }
            targets.push(Target::Server);
        }
        let right = |target| Right { line, permissions, target, condition: condition.clone() };
        Ok(Given {
            tenant: to.tenant.as_ref().map(|name| self.tenant(lines, "to.tenant", name)).transpose()?,
            actors: texts(&to.actors),
            groups: texts(&to.groups),
            roles: self.known_roles(lines, "to.roles", &to.roles)?,
            everybody: to.everybody,
            rights: targets.into_iter().map(right).collect(),
        })
    }
}

impl Given {
    fn is_for(&self, name: &str, tenant: u32, membership: &Membership) -> bool {
        let shares = |own: &[String], given: &[String]| own.iter().any(|name| given.contains(name));
        self.tenant.is_none_or(|of| of == tenant)
            && (self.everybody
                || self.actors.iter().any(|actor| actor == name)
                || shares(&membership.groups, &self.groups)
                || shares(&membership.roles, &self.roles))
    }
}

fn texts(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.get_ref().clone()).collect()
}
