using Microsoft.Extensions.DependencyInjection;

namespace Nixl.Sdk.Hosting;

/// <summary>Adds to one agent of a host; made by <c>services.AddNixl(name)</c>.</summary>
public interface INixlBuilder
{
    /// <summary>The key of the agent's services and the name of its configuration section.</summary>
    string Name { get; }

    /// <summary>The services that it adds to.</summary>
    IServiceCollection Services { get; }
}
