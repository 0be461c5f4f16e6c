using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Nixl.Sdk.Analyzers.Tests.Support;

/// <summary>The additional file <c>models/m/config.json</c>.</summary>
internal sealed class ModelFileText(string text) : AdditionalText
{
    public override string Path => "models/m/config.json";

    public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(text);
}
