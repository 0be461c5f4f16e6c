using Microsoft.Extensions.Options;

namespace Nixl.Sdk.Hosting;

/// <summary>Checks each value by its attributes. The code is made by the options validation source generator.</summary>
[OptionsValidator]
internal sealed partial class NixlExchangeOptionsValidator : IValidateOptions<NixlExchangeOptions>;
