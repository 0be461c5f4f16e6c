using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Nixl.Sdk;
using Nixl.Sdk.Hosting;
using Nixl.Sdk.Metadata;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds agents to a host.</summary>
public static class NixlServiceCollectionExtensions
{
    /// <summary>The section above the agents' own: an agent is configured by <c>Nixl:&lt;name&gt;</c>.</summary>
    public const string ConfigurationSection = "Nixl";

    /// <summary>
    /// Adds an agent that starts and stops with the host. Repeatable: an engine has one agent per rank. Resolve it with its name as the
    /// key: <c>[FromKeyedServices("decode-0")] NixlAgent agent</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="name">Key, configuration section and, unless configured otherwise, the agent's name towards its peers;
    /// [A-Za-z0-9._-]{1,128}.</param>
    /// <param name="configure">Changes what configuration says.</param>
    public static INixlBuilder AddNixl(this IServiceCollection services, string name, Action<NixlOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (!NixlAgentOptions.IsValidName(name))
            throw new ArgumentException($"'{name}' is not an agent name ({NixlAgentOptions.NamePattern}).", nameof(name));

        var registration = FindRegistration(services, name);
        if (registration is null)
        {
            registration = new NixlRegistration(name);
            AddAgent(services, registration);
        }
        if (configure is not null) services.Configure(name, configure);
        return new NixlBuilder(services, registration);
    }

    /// <summary>
    /// Adds the direct metadata exchange: the host's agents are published in it when they have started, and it is what
    /// <see cref="IMetadataExchange"/> resolves to. Configured by the section <c>NixlExchange</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes what configuration says.</param>
    /// <param name="configureExchange">Changes the exchange itself, for TLS for example.</param>
    public static IServiceCollection AddNixlExchange(
        this IServiceCollection services, Action<NixlExchangeOptions>? configure = null, Action<DirectMetadataExchangeOptions>? configureExchange = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = services.AddOptions<NixlExchangeOptions>()
            .Configure<IServiceProvider>(static (options, provider) =>
                provider.GetService<IConfiguration>()?.GetSection("NixlExchange").Bind(options, static binder => binder.ErrorOnUnknownConfiguration = true))
            .ValidateOnStart();
        if (configure is not null) options.Configure(configure);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<NixlExchangeOptions>, NixlExchangeOptionsValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<NixlExchangeOptions>, NixlExchangeOptionsConsistency>());
        services.TryAddSingleton(provider => MakeExchange(provider, configureExchange));
        services.TryAddSingleton<IMetadataExchange>(static provider => provider.GetRequiredService<DirectMetadataExchange>());
        return services;
    }

    private static DirectMetadataExchange MakeExchange(IServiceProvider provider, Action<DirectMetadataExchangeOptions>? configure)
    {
        var options = provider.GetRequiredService<IOptions<NixlExchangeOptions>>().Value;
        var exchangeOptions = options.ToExchangeOptions(KeyReader.Read(options.Key, options.KeyFile));
        exchangeOptions.TimeProvider = provider.GetService<TimeProvider>() ?? TimeProvider.System;
        configure?.Invoke(exchangeOptions);
        var exchange = new DirectMetadataExchange(exchangeOptions);
        foreach (var (agent, address) in options.Peers)
            if (NixlExchangeOptions.TryParseHost(address, out var host, out var port)) exchange.AddPeer(agent, host, port);
        return exchange;
    }

    private static void AddAgent(IServiceCollection services, NixlRegistration registration)
    {
        var name = registration.Name;
        services.AddSingleton(registration);
        services.AddKeyedSingleton(name, (provider, _) => new NixlAgentHost(provider, registration));
        services.AddKeyedSingleton(name, static (provider, key) => provider.GetRequiredKeyedService<NixlAgentHost>(key).Resolve());

        services.AddOptions<NixlOptions>(name)
            .Configure<IServiceProvider>((options, provider) =>
            {
                options.Name = name;
                // The binder's code is made by a source generator, so this needs no reflection. A misspelt key is an error.
                provider.GetService<IConfiguration>()?.GetSection($"{ConfigurationSection}:{name}")
                    .Bind(options, static binder => binder.ErrorOnUnknownConfiguration = true);
            })
            .ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<NixlOptions>, NixlOptionsValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<NixlOptions>, NixlOptionsConsistency>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, NixlHostedService>());
    }

    private static NixlRegistration? FindRegistration(IServiceCollection services, string name)
    {
        foreach (var service in services)
            if (!service.IsKeyedService && service.ImplementationInstance is NixlRegistration known && known.Name == name) return known;
        return null;
    }
}
