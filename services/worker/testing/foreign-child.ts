// An inference child of another release: it speaks a protocol of the future.
process.send?.({ type: 'hello', protocol: 99, dialect: 'unheard of' });
process.on('disconnect', () => process.exit(0));
