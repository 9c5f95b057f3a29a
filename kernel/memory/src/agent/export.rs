//! An agent as a file, with what its storage does not know.

use crate::agent::Agent;
use crate::agent_file::{AgentFile, AgentFileError, FileTool};

impl Agent {
    /// The agent as a file: all that its storage has of it ([`AgentFile::export`]), its
    /// instructions, the name of its model, and the names of its own tools.
    ///
    /// ```
    /// use momentum_memory::prelude::*;
    ///
    /// let mut agent = Agent::new(Client::tutor()?).with_instructions("Be brief.");
    /// agent.say("My name is Sara.")?;
    /// let file = agent.export()?;
    /// assert_eq!(file.instructions.as_deref(), Some("Be brief."));
    /// assert_eq!(file.blocks[0].history.last().unwrap().value, "name: Sara");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AgentFileError::Storage`].
    pub fn export(&self) -> Result<AgentFile, AgentFileError> {
        let mut file = AgentFile::export(&*self.storage, &self.id)?;
        file.instructions = Some(self.instructions.clone());
        file.model = Some(self.model.name().to_owned());
        let tools = self.tools.iter().map(|tool| {
            let definition = tool.definition();
            let (name, description) = (definition.name.clone(), definition.description.clone());
            FileTool { name, description }
        });
        file.tools = tools.collect();
        Ok(file)
    }
}
