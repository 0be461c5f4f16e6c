using Microsoft.Extensions.DependencyInjection;

namespace Nixl.Sdk.Hosting;

internal sealed class NixlBuilder(IServiceCollection services, NixlRegistration registration) : INixlBuilder
{
    public string Name => Registration.Name;

    public IServiceCollection Services { get; } = services;

    public NixlRegistration Registration { get; } = registration;

    public static NixlRegistration Of(INixlBuilder builder) =>
        builder is NixlBuilder own ? own.Registration : throw new ArgumentException("The builder is not one that AddNixl returned.", nameof(builder));
}
