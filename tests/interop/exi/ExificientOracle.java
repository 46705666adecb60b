import com.siemens.ct.exi.core.EXIFactory;
import com.siemens.ct.exi.core.grammars.Grammars;
import com.siemens.ct.exi.core.helpers.DefaultEXIFactory;
import com.siemens.ct.exi.grammars.GrammarFactory;
import com.siemens.ct.exi.main.api.sax.EXIResult;
import com.siemens.ct.exi.main.api.sax.EXISource;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import javax.xml.parsers.SAXParserFactory;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.stream.StreamResult;
import javax.xml.transform.sax.SAXSource;
import org.apache.xerces.xni.XMLResourceIdentifier;
import org.apache.xerces.xni.parser.XMLInputSource;
import org.xml.sax.InputSource;
import org.xml.sax.XMLReader;

/**
 * Line server over EXIficient, the reference EXI implementation, with grammars built from XSD files.
 *
 * <p>Request: {@code XSD <tab> document|fragment <tab> xml|exi|roundtrip|tabled|bench <tab> payload};
 * EXI is hex, and {@code tabled} a round trip that encodes with the string table of values. Answer: {@code OK <tab> payload} or {@code ERR <tab> message}.
 */
public final class ExificientOracle {
  private static final Map<String, Grammars> GRAMMARS = new HashMap<>();
  private static final TransformerFactory TRANSFORMERS = TransformerFactory.newInstance();
  private static final SAXParserFactory PARSERS = SAXParserFactory.newInstance();

  static {
    PARSERS.setNamespaceAware(true);
  }

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      try {
        String[] f = line.split("\t", -1);
        EXIFactory factory = factory(f[0], f[1].equals("fragment"));
        out.println("OK\t" + answer(factory, f[2], f[3]));
      } catch (Exception | StackOverflowError e) {
        out.println("ERR\t" + String.valueOf(e).replace('\n', ' ').replace('\t', ' '));
      }
    }
  }

  private static String answer(EXIFactory factory, String command, String payload)
      throws Exception {
    HexFormat hex = HexFormat.of();
    switch (command) {
      case "xml":
        return decode(factory, hex.parseHex(payload));
      case "exi":
        return hex.formatHex(encode(factory, payload));
      case "roundtrip":
        return hex.formatHex(encode(factory, decode(factory, hex.parseHex(payload))));
      case "tabled":
        String xml = decode(factory, hex.parseHex(payload));
        factory.setValuePartitionCapacity(-1);
        return hex.formatHex(encode(factory, xml));
      case "bench":
        return bench(factory, hex.parseHex(payload));
      default:
        throw new IllegalArgumentException(command);
    }
  }

  /** Microseconds per decode to XML and per encode of XML: the best of many short rounds. */
  private static String bench(EXIFactory factory, byte[] exi) throws Exception {
    String xml = decode(factory, exi);
    int calls = 30;
    long decodeNs = Long.MAX_VALUE;
    long encodeNs = Long.MAX_VALUE;
    for (int round = 0; round < 100; round++) {
      long start = System.nanoTime();
      for (int i = 0; i < calls; i++) decode(factory, exi);
      decodeNs = Math.min(decodeNs, System.nanoTime() - start);
      start = System.nanoTime();
      for (int i = 0; i < calls; i++) encode(factory, xml);
      encodeNs = Math.min(encodeNs, System.nanoTime() - start);
    }
    return decodeNs / 1000.0 / calls + " " + encodeNs / 1000.0 / calls;
  }

  private static EXIFactory factory(String xsd, boolean fragment) throws Exception {
    Grammars grammars = GRAMMARS.get(xsd);
    if (grammars == null) {
      grammars =
          GrammarFactory.newInstance()
              .createGrammars(
                  xsd,
                  ExificientOracle::resolve);
      GRAMMARS.put(xsd, grammars);
    }
    EXIFactory factory = DefaultEXIFactory.newInstance();
    factory.setGrammars(grammars);
    factory.setFragment(fragment);
    factory.setValuePartitionCapacity(0);
    factory.setMaximumNumberOfBuiltInElementGrammars(0);
    return factory;
  }

  /** No DTD from the network; a schema document that is not beside its importer is one above. */
  private static XMLInputSource resolve(XMLResourceIdentifier id) {
    String system = id.getExpandedSystemId();
    if (system == null) return null;
    if (system.endsWith(".dtd")) {
      return new XMLInputSource(null, system, null, new StringReader(""), null);
    }
    Path path = Path.of(URI.create(system));
    Path above = path.getParent().resolveSibling(path.getFileName());
    return Files.exists(path) || !Files.exists(above)
        ? null
        : new XMLInputSource(null, above.toUri().toString(), null);
  }

  private static String decode(EXIFactory factory, byte[] exi) throws Exception {
    EXISource source = new EXISource(factory);
    source.setInputSource(new InputSource(new ByteArrayInputStream(exi)));
    Transformer transformer = TRANSFORMERS.newTransformer();
    transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
    StringWriter writer = new StringWriter();
    transformer.transform(
        new SAXSource(source.getXMLReader(), source.getInputSource()), new StreamResult(writer));
    return writer.toString();
  }

  private static byte[] encode(EXIFactory factory, String xml) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    EXIResult result = new EXIResult(factory);
    result.setOutputStream(bytes);
    XMLReader reader = PARSERS.newSAXParser().getXMLReader();
    reader.setContentHandler(result.getHandler());
    reader.parse(new InputSource(new StringReader(xml)));
    return bytes.toByteArray();
  }
}
