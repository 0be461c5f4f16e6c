using System.Globalization;
using Microsoft.CodeAnalysis.CSharp;

namespace Nixl.Sdk.Generators.Emitting;

/// <summary>Values as C# source.</summary>
internal static class Literal
{
    public static string Of(string text) => SymbolDisplay.FormatLiteral(text, quote: true);

    public static string Of(int value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Of(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Of(IEnumerable<int> values) => "[" + string.Join(", ", values.Select(Of)) + "]";

    public static string Of(ulong value) => "0x" + value.ToString("x16", CultureInfo.InvariantCulture);
}
