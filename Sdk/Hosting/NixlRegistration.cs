using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Hosting;

/// <summary>What has been added for one agent. Filled while services are registered, only read afterwards.</summary>
internal sealed class NixlRegistration(string name)
{
    public string Name { get; } = name;

    public FakeTransport? Transport { get; set; }

    /// <summary>Makes the pools when the host starts, so that the metadata is complete before anyone asks for it.</summary>
    public List<Func<IServiceProvider, KvPool>> Pools { get; } = [];
}
