using Nixl.Sdk.Testing;

namespace Nixl.Sdk.Hosting;

/// <summary>What has been added for one agent. Filled while services are registered, only read afterwards.</summary>
internal sealed class NixlRegistration(string name)
{
    public string Name { get; } = name;

    public FakeTransport? Transport { get; set; }

    /// <summary>Makes the pools when the host starts, so that the metadata is complete before anyone asks for it.</summary>
    public List<Func<IServiceProvider, KvPool>> Pools { get; } = [];

    /// <summary>Makes producers and consumers after the pools and before the metadata is published, so that no peer finds nobody.</summary>
    public List<Func<IServiceProvider, object>> Roles { get; } = [];

    /// <summary>Makes the links to other engines when the metadata is published: they end before the connector.</summary>
    public List<Func<IServiceProvider, IAsyncDisposable>> Links { get; } = [];

    /// <summary>Whether there is a connector, which ends before the agent.</summary>
    public bool HasConnector { get; set; }

    public List<Action<IServiceProvider, Serving.KvConnectorOptions>> ConfigureConnector { get; } = [];

    /// <summary>What an operator should know at the start.</summary>
    public List<string> Notes { get; } = [];
}
