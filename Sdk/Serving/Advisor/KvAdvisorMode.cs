namespace Nixl.Sdk.Serving;

/// <summary>Who decides where prompts are prefilled.</summary>
public enum KvAdvisorMode
{
    /// <summary>The estimate.</summary>
    Auto = 0,

    /// <summary>Always remotely where there is a peer.</summary>
    AlwaysRemote = 1,

    /// <summary>Always locally.</summary>
    AlwaysLocal = 2,
}
